//! Pages of upstream lists, with opaque tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::call::{Call, Failure};
use super::json::text;

/// One page of rows, and the token of the next if there is one.
pub(super) struct Page {
    pub(super) items: Vec<Value>,
    pub(super) next: Option<String>,
}

impl Page {
    /// `{"data": […], "pagination": {…}}`; `pagination` is there on the last page too, empty.
    pub(super) fn envelope(self) -> Value {
        let pagination = match self.next {
            Some(token) => json!({ "next_page_token": token }),
            None => json!({}),
        };
        json!({ "data": self.items, "pagination": pagination })
    }
}

/// The page of `rows` that the call's `limit` and `page_token` ask for.
///
/// A token remembers the id after which to go on and the list that it belongs to: rows may come
/// and go between pages, but the filters have to stay. `limit` out of bounds and tokens of
/// another list are 400.
pub(super) fn page(call: &Call<'_>, rows: Vec<Value>) -> Result<Page, Failure> {
    let limit = limit(call)?;
    let list = list_name(call);
    let start = match call.query("page_token") {
        None | Some("") => 0,
        Some(token) => {
            let last = read_token(token, &list)
                .ok_or_else(|| Failure::bad_request("?page_token: is not a token of this list"))?;
            start_after(&rows, &last)
        }
    };
    let more = rows.len() > start + limit;
    let items: Vec<Value> = rows.into_iter().skip(start).take(limit).collect();
    let next = items.last().filter(|_| more).map(|last| write_token(text(last, "id"), &list));
    Ok(Page { items, next })
}

/// Lists of syncs refuse a `limit` out of bounds; the others take the nearest that they have.
fn limit(call: &Call<'_>) -> Result<usize, Failure> {
    let Some(limit) = call.query("limit") else {
        return Ok(call.page_limit);
    };
    let is_sync_list = matches!(call.operation.id.as_str(), "model_sync.list" | "bulk_sync.list");
    match limit.parse::<usize>() {
        Ok(limit) if (1..=call.page_limit).contains(&limit) => Ok(limit),
        Ok(limit) if !is_sync_list => Ok(limit.clamp(1, call.page_limit)),
        _ => {
            let message = format!("?limit: must be between 1 and {}", call.page_limit);
            Err(Failure::bad_request(message))
        }
    }
}

/// Ids of one table sort by age, so the place of a row that is gone can still be found.
fn start_after(rows: &[Value], last: &str) -> usize {
    if let Some(place) = rows.iter().position(|row| text(row, "id") == last) {
        return place + 1;
    }
    let descending = rows.len() > 1 && text(&rows[0], "id") > text(&rows[1], "id");
    rows.iter().position(|row| (text(row, "id") > last) != descending).unwrap_or(rows.len())
}

/// The path and the filters: everything that has to stay the same from page to page.
fn list_name(call: &Call<'_>) -> String {
    let mut name = call.operation.id.clone();
    for (_, value) in &call.path {
        name.push('/');
        name.push_str(value);
    }
    let mut filters: Vec<String> = call
        .query
        .iter()
        .filter(|(key, _)| key != "limit" && key != "page_token")
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    filters.sort();
    format!("{name}?{}", filters.join("&"))
}

fn write_token(last: &str, list: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{last} {list}"))
}

fn read_token(token: &str, list: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (last, of) = text.split_once(' ')?;
    (of == list).then(|| last.to_owned())
}
