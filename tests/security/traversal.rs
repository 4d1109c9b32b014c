//! Ids that are paths, and targets that name other hosts.

use polytomic_shim::rules::Rules;

use crate::world::{World, status};

/// What upstream could take for more than one segment, or for a step upwards.
const PATHS: &[&str] = &[
    "..",
    ".",
    "%2e%2e",
    "%2E.",
    "..%2f..%2fme",
    "a%2fb",
    "a%2Fb",
    "a%5cb",
    "a\\b",
    "%00",
    "a%00b",
    "%2f",
    "",
    "%2e%2e%2f%2e%2e",
];

#[tokio::test]
async fn an_id_that_is_a_path_reaches_nobody() {
    let mut world = World::new().await;
    let rules = Rules::embedded().unwrap();
    let mut tried = 0;
    for rule in rules.iter() {
        let source = rule.path.source();
        let variables: Vec<&str> =
            source.split('/').filter(|segment| segment.starts_with('{')).collect();
        for variable in variables {
            for path in PATHS {
                let target = source.replacen(variable, path, 1);
                // An empty segment at the end is a slash at the end: another path, which no rule has.
                if target.ends_with('/') {
                    continue;
                }
                let target = target.replace(['{', '}'], "");
                let request = format!(
                    "{} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer k\r\n\
                     Content-Length: 2\r\n\r\n{{}}",
                    rule.method
                );
                let text = world.send(&request).await;
                assert_eq!(status(&text), 400, "{target}: {text}");
                assert_eq!(world.asked(), [""; 0], "{target}");
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

/// Encoded once more, a path is an id like any other, and stays one segment.
#[tokio::test]
async fn what_is_encoded_twice_stays_encoded_twice() {
    let mut world = World::new().await;
    for id in ["%252e%252e", "a%252fb", "%3f", "%23", "a%0d%0aX-Injected:%201", "%E2%80%AE"] {
        let request = format!(
            "GET /api/bulk/syncs/{id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer k\r\n\r\n"
        );
        world.send(&request).await;
        assert_eq!(world.asked(), [format!("GET /api/bulk/syncs/{id}")]);
    }
}

#[tokio::test]
async fn a_translated_request_goes_to_upstream_whatever_host_it_names() {
    let mut world = World::new().await;
    let own = world.upstream.origin.trim_start_matches("http://").to_owned();
    for (target, host) in [
        ("/api/bulk/syncs/1", "elsewhere.example.com"),
        ("http://elsewhere.example.com/api/bulk/syncs/1", "shim"),
        ("http://user:secret@elsewhere.example.com:1/api/bulk/syncs/1", "shim"),
        ("/api/bulk/syncs/1", "shim, elsewhere.example.com"),
        ("/api/bulk/syncs/1", "<script>"),
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer k\r\n\
             X-Forwarded-Host: elsewhere.example.com\r\nForwarded: host=elsewhere.example.com\r\n\
             X-Original-URL: /api/me\r\nX-Rewrite-URL: /api/me\r\nX-HTTP-Method-Override: DELETE\r\n\r\n"
        );
        let text = world.send(&request).await;
        if status(&text) == 400 {
            assert_eq!(world.asked(), [""; 0], "{target} {host}");
            continue;
        }
        let seen = world.upstream.next().await;
        assert_eq!(seen.headers()["host"], own.as_str());
        assert_eq!((seen.method().as_str(), seen.uri().path()), ("GET", "/api/bulk/syncs/1"));
        let forwarded = seen.headers().get("x-forwarded-host").map(|host| host.to_str().unwrap());
        assert!(target.contains("elsewhere") || forwarded == Some(host), "{target} {host}");
    }
    let twice = "GET /api/bulk/syncs/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&world.send(twice).await), 400);
    assert_eq!(world.asked(), [""; 0]);
}
