//! What is asked, and what upstream answers.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// How many bulk syncs the list has.
const LISTED: usize = 40;
const PLAIN: &str = "/api/models/M1";

/// What upstream says where a case has nothing for it.
pub static NOT_FOUND: LazyLock<Bytes> = LazyLock::new(|| {
    json!({"key": "not_found", "message": "not found", "metadata": {}, "status": 404})
        .to_string()
        .into()
});

/// A request, and upstream's answers by method and target.
pub struct Case {
    pub method: String,
    pub path: String,
    pub body: Bytes,
    pub answers: HashMap<String, (StatusCode, Bytes)>,
}

impl Case {
    /// A call that is the same in both versions; every case has an answer for it.
    pub fn plain() -> Self {
        Self {
            method: "GET".to_owned(),
            path: PLAIN.to_owned(),
            body: Bytes::new(),
            answers: HashMap::new(),
        }
    }
}

/// A fixture, as far as it matters here.
#[derive(Deserialize)]
struct Fixture {
    request: Asked,
    #[serde(default)]
    upstream: Vec<Scripted>,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    path: String,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
struct Scripted {
    call: String,
    status: Option<u16>,
    #[serde(default)]
    body: String,
    fail: Option<String>,
}

/// The cases of a folder of fixtures in which nothing fails, and that of a long list, by the key of who asks.
///
/// # Errors
/// The folder or one of its files cannot be read.
pub fn all(folder: &Path) -> Result<HashMap<String, Case>, String> {
    let (mut cases, mut syncs) = (HashMap::new(), Vec::new());
    for rule in files(folder)?.iter().filter(|path| path.is_dir()) {
        for call in files(rule)?.iter().filter(|path| path.is_dir()) {
            for file in
                files(call)?.iter().filter(|path| path.extension().is_some_and(|own| own == "toml"))
            {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
                // Deliveries of webhooks have another form.
                let Ok(fixture) = toml::from_str::<Fixture>(&text) else { continue };
                let is_error =
                    file.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("err_"));
                let fails = |scripted: &Scripted| {
                    scripted.fail.is_some() || scripted.status.is_some_and(|own| own >= 400)
                };
                if is_error || fixture.upstream.iter().any(fails) {
                    continue;
                }
                syncs.extend(fixture.upstream.iter().filter_map(bulk_sync));
                cases.insert(format!("train-{}", cases.len()), with_plain(case(fixture)));
            }
        }
    }
    cases.insert("train-list".to_owned(), with_plain(list(&syncs)));
    Ok(cases)
}

fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(wrong)?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    files.sort();
    Ok(files)
}

fn case(Fixture { request, upstream }: Fixture) -> Case {
    let answer = |Scripted { call, status, body, .. }: Scripted| {
        let status =
            status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
        (call, (status, Bytes::from(body.trim().to_owned())))
    };
    Case {
        method: request.method,
        path: request.path,
        body: request.body.trim().to_owned().into(),
        answers: upstream.into_iter().map(answer).collect(),
    }
}

fn bulk_sync(scripted: &Scripted) -> Option<Value> {
    let is_one = scripted.call == "GET /api/bulk/syncs/B1";
    serde_json::from_str::<Value>(&scripted.body)
        .ok()?
        .get_mut("data")
        .map(Value::take)
        .filter(|_| is_one)
}

/// All of them, over and over.
fn list(syncs: &[Value]) -> Case {
    let items: Vec<Value> = (0..LISTED)
        .filter_map(|number| {
            let mut item = syncs.get(number % syncs.len().max(1))?.clone();
            *item.get_mut("id")? = json!(format!("00000000-0000-4000-8000-{number:012}"));
            Some(item)
        })
        .collect();
    let body = json!({"data": items, "pagination": {"next_page_token": ""}}).to_string();
    let call = "GET /api/bulk/syncs?limit=50".to_owned();
    let answers = HashMap::from([(call, (StatusCode::OK, Bytes::from(body)))]);
    Case {
        method: "GET".to_owned(),
        path: "/api/bulk/syncs".to_owned(),
        body: Bytes::new(),
        answers,
    }
}

fn with_plain(mut case: Case) -> Case {
    let model = json!({"data": {
        "id": "M1", "name": "Customers", "type": "postgresql", "connection_id": "C1", "identifier": "id",
        "configuration": {"query": "select id, email, plan, created_at from customers where deleted_at is null"},
        "fields": (0..8).map(|number| json!({"name": format!("field_{number}"), "type": "string"})).collect::<Vec<_>>(),
    }});
    case.answers.insert(format!("GET {PLAIN}"), (StatusCode::OK, model.to_string().into()));
    case
}
