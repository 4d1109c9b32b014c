//! Text from upstream, or from a client, that would like to be more than text.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Seen, Shim, answer, raw, raw_upstream, read_head};
use crate::world::{World, status};

fn get(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: shim\r\nConnection: close\r\nAuthorization: Bearer k\r\n\r\n"
    )
}

/// A page whose items and token say all that could end a path, a query or a line.
fn hostile(seen: &Seen) -> Response<Full<Bytes>> {
    if seen.uri().path() != "/api/syncs" {
        return answer(200, &[], r#"{"data":{"id":"x","name":"whole"}}"#);
    }
    if seen.uri().query().unwrap_or_default().contains("page_token") {
        return answer(200, &[], r#"{"data":[]}"#);
    }
    answer(
        200,
        &[],
        r#"{"data":[{"id":"a\r\nX-Injected: 1"},{"id":"../me"},{"id":"a?b=c#d&e"},{"id":"é %2e\u0000"}],"pagination":{"next_page_token":"t&limit=1#\r\nX: 1 /?é"}}"#,
    )
}

#[tokio::test]
async fn ids_and_tokens_of_upstream_stay_one_segment_and_one_value() {
    let mut world = World::with(&[], hostile).await;
    let text = world.send(&get("/api/syncs")).await;
    assert_eq!(status(&text), 200, "{text}");
    let mut asked = world.asked();
    asked.sort();
    assert_eq!(
        asked,
        [
            "GET /api/syncs/%C3%A9%20%252e%00",
            "GET /api/syncs/..%2Fme",
            "GET /api/syncs/a%0D%0AX-Injected%3A%201",
            "GET /api/syncs/a%3Fb%3Dc%23d%26e",
            "GET /api/syncs?limit=50",
            "GET /api/syncs?limit=50&page_token=t%26limit%3D1%23%0D%0AX%3A%201%20%2F%3F%C3%A9",
        ]
    );
}

#[tokio::test]
async fn an_id_that_no_encoding_makes_a_segment_fails_the_list() {
    for page in [
        r#"{"data":[{"id":".."}]}"#,
        r#"{"data":[{"id":"."}]}"#,
        r#"{"data":[{"id":""}]}"#,
        r#"{"data":[{"id":{"a":1}}]}"#,
    ] {
        let (origin, _) = raw_upstream(move |mut stream: TcpStream| async move {
            let (head, _) = read_head(&mut stream).await;
            assert!(head.starts_with("GET /api/syncs?limit=50 "), "{head}");
            let length = page.len();
            let text = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
            );
            stream.write_all(text.as_bytes()).await.unwrap();
        })
        .await;
        let shim = Shim::translating(&origin, &[]).await;
        let text = raw(shim.address, &get("/api/syncs")).await;
        assert!(text.contains("shim.upstream_invalid") && status(&text) == 502, "{page}: {text}");
    }
}

/// The owner of a connection, as upstream tells it, becomes part of a path.
#[tokio::test]
async fn an_owner_is_one_segment_whatever_upstream_says() {
    let mut world = World::with(&[], |seen| match seen.uri().path() {
        "/api/me" => answer(200, &[], r#"{"data":{"is_partner":true}}"#),
        path if path.starts_with("/api/organizations/entities/") => answer(
            200,
            &[],
            r#"{"data":{"type":"connection","organization_id":"../../me?x#\r\n"}}"#,
        ),
        _ => answer(200, &[], r#"{"data":[]}"#),
    })
    .await;
    world.send(&get("/api/connections/c/shared")).await;
    let asked = world.asked();
    let last = asked.last().unwrap();
    assert_eq!(last, "GET /api/organizations/..%2F..%2Fme%3Fx%23%0D%0A/connections/c/shared");
}

/// Heads that try to have more lines than they have.
#[tokio::test]
async fn lines_of_upstream_s_head_do_not_become_lines_of_ours() {
    for (location, statuses) in [
        ("/x\r\n folded: 1", [502, 200]),
        ("/x\rX-Injected: 1", [502, 502]),
        ("/x\0X-Injected: 1", [502, 502]),
        ("ORIGIN/api/x\r\nX-Real: 1", [200, 200]),
        ("ORIGIN.evil.example/api/x", [200, 200]),
        ("ORIGIN@evil.example/api/x", [200, 200]),
    ] {
        let (origin, _) = raw_upstream(move |mut stream: TcpStream| async move {
            read_head(&mut stream).await;
            let own = format!("http://{}", stream.local_addr().unwrap());
            let location = location.replace("ORIGIN", &own);
            let text = format!(
                "HTTP/1.1 200 OK\r\nLocation: {location}\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{{\"data\":{{}}}}"
            );
            let _ = stream.write_all(text.as_bytes()).await;
        })
        .await;
        let shim = Shim::translating(&origin, &[]).await;
        for path in ["/api/bulk/syncs/1", "/api/connections"] {
            let text = raw(shim.address, &get(path)).await;
            let head = text.split("\r\n\r\n").next().unwrap();
            assert!(statuses.contains(&status(&text)), "{location:?}: {text}");
            assert!(!head.contains("\r\nX-Injected") && !head.contains("\r\nfolded"), "{text}");
            assert!(!head.contains("http://shim.evil") && !head.contains("http://shim@"), "{text}");
            if location.ends_with("X-Real: 1") {
                assert!(head.contains("location: http://shim/api/x\r\n"), "{text}");
            }
        }
    }
}

/// What a client puts into its ids comes back as text at most.
#[tokio::test]
async fn what_a_client_says_is_quoted_not_obeyed() {
    let mut world = World::new().await;
    let cancel = r#"{"status":"done\r\nX-Injected: 1"}"#;
    let request = format!(
        "PUT /api/syncs/s%22%0d%0aX:1/executions/e HTTP/1.1\r\nHost: shim\r\nConnection: close\r\nX-Request-Id: a b\r\n\
         Authorization: Bearer k\r\nContent-Length: {}\r\n\r\n{cancel}",
        cancel.len()
    );
    let text = world.send(&request).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(status(&text), 400);
    assert!(!head.contains("Injected") && !head.contains("x-request-id: a b"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["key"], "shim.status_unsupported");
    assert!(world.asked().is_empty());
    // Ids in a request's body go up as they are: JSON, not lines.
    let share = r#"{"organization_id":"x\r\nX-Injected: 1","name":"é"}"#;
    let request = format!(
        "POST /api/connections/c/share HTTP/1.1\r\nHost: shim\r\nConnection: close\r\nAuthorization: Bearer k\r\n\
         Content-Length: {}\r\n\r\n{share}",
        share.len()
    );
    world.send(&request).await;
    let mut last = None;
    while let Ok(seen) = world.upstream.seen.try_recv() {
        assert!(!seen.headers().contains_key("x-injected"));
        last = Some(seen);
    }
    let body: Value = serde_json::from_slice(last.unwrap().body()).unwrap();
    assert_eq!(body["child_organization_id"], "x\r\nX-Injected: 1");
}
