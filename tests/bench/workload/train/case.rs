//! What is asked, and what upstream answers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
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

/// The cases of a folder of fixtures in which nothing fails, and that of a long list, by the key
/// of who asks.
///
/// # Errors
/// The folder or one of its files cannot be read.
pub fn all(folder: &Path) -> Result<HashMap<String, Case>, String> {
    let (mut cases, mut syncs) = (HashMap::new(), Vec::new());
    for file in fixtures(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let read = std::fs::read_to_string(&file).map_err(|error| error.to_string());
        let fixture: Fixture = read
            .and_then(|text| toml::from_str(&text).map_err(|error| error.to_string()))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let fails = |scripted: &Scripted| {
            scripted.fail.is_some() || scripted.status.is_some_and(|status| status >= 400)
        };
        // What does not come to the API are deliveries of webhooks.
        let is_call = fixture.request.path.starts_with("/api/");
        if is_call && !is_error(&file) && !fixture.upstream.iter().any(fails) {
            syncs.extend(fixture.upstream.iter().filter_map(bulk_sync));
            cases.insert(format!("train-{}", cases.len()), with_plain(case(fixture)));
        }
    }
    cases.insert("train-list".to_owned(), with_plain(list(&syncs)));
    Ok(cases)
}

/// The files of a folder, those of its folders among them.
fn fixtures(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        match path.is_dir() {
            true => found.append(&mut fixtures(&path)?),
            false if path.extension() == Some("toml".as_ref()) => found.push(path),
            false => {}
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn is_error(file: &Path) -> bool {
    file.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("err_"))
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
    let field = |number: usize| json!({"name": format!("field_{number}"), "type": "string"});
    let model = json!({"data": {
        "id": "M1", "name": "Customers", "type": "postgresql", "connection_id": "C1",
        "configuration": {"query": "select id, email, plan, created_at from customers"},
        "identifier": "id", "fields": (0..8).map(field).collect::<Vec<_>>(),
    }});
    case.answers.insert(format!("GET {PLAIN}"), (StatusCode::OK, model.to_string().into()));
    case
}
