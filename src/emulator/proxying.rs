//! Calls proxied to a connection's own API: settings, information, execution.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use super::json::{flag, given, put, text};
use super::store::Table;

pub(super) fn handle(call: &mut Call<'_>) -> Option<Outcome> {
    let action = call.operation.id.strip_prefix("connections.proxy.")?;
    Some(match action {
        "get_proxy_settings" => get_settings(call),
        "update_proxy_settings" => update_settings(call),
        "get_proxy_info" => get_info(call),
        "execute_proxy" => execute(call),
        _ => return None,
    })
}

fn settings(connection: &Value) -> Value {
    let mut settings = json!({
        "connectionId": connection["id"], "backendType": connection["type"]["id"],
        "enabled": flag(connection, "_proxied"), "supported": true,
    });
    let parent = given(connection, "parent_connection_id").cloned();
    put(&mut settings, "parentConnectionId", parent);
    settings
}

fn get_settings(call: &Call<'_>) -> Outcome {
    Reply::data(settings(call.row(Table::Connections, &call.path("id"))?))
}

fn update_settings(call: &mut Call<'_>) -> Outcome {
    let id = call.path("id");
    let enabled = flag(&call.body, "enabled");
    call.row(Table::Connections, &id)?;
    call.store.tick();
    let row = call.row_mut(Table::Connections, &id)?;
    row["_proxied"] = json!(enabled);
    Reply::data(settings(row))
}

fn get_info(call: &Call<'_>) -> Outcome {
    let row = call.row(Table::Connections, &call.path("id"))?;
    let base =
        json!({ "baseUrl": "https://api.backend.example", "lockedHeaders": [], "lockedQuery": {} });
    Reply::data(json!({
        "connectionId": row["id"], "backendType": row["type"]["id"], "inheritedBase": base,
        "apis": [{ "name": "rest", "description": "REST", "default": true, "inheritedBase": base }],
        "mergeRules": { "headers": "locked headers win", "query": "locked parameters win" },
        "requestContract": {
            "allowedMethods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
            "maxRequestBodyBytes": 1_048_576, "maxResponseBodyBytes": 4_194_304,
            "rateLimitPerMinute": 60, "timeoutMs": 30_000,
        },
        "stats": { "callsLast24h": 0, "proxyCallsLast24h": 0 },
    }))
}

/// Answers in the backend's stead: nothing leaves the emulator.
fn execute(call: &Call<'_>) -> Outcome {
    let row = call.row(Table::Connections, &call.path("id"))?;
    if !flag(row, "_proxied") {
        return Err(Failure::forbidden("the proxy of this connection is not enabled"));
    }
    let request = &call.body["request"];
    let echo = json!({ "method": request["method"], "path": text(request, "path") });
    Reply::data(json!({
        "status": 200, "contentType": "application/json", "body": echo.to_string(),
        "headers": { "content-type": "application/json" },
        "truncated": false, "latencyMs": 1, "proxyCallId": row["id"],
    }))
}
