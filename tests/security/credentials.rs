//! Basic credentials that are not what they should be.

use base64::Engine as _;

use crate::world::{World, status};

fn request(authorization: &str) -> String {
    format!(
        "GET /api/connections/c/shared HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{authorization}\r\n"
    )
}

fn basic(text: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    format!("Authorization: Basic {encoded}\r\n")
}

#[tokio::test]
async fn an_organization_that_is_no_id_never_becomes_part_of_a_path() {
    let mut world = World::new().await;
    let long = format!("{}:key", "a".repeat(5000));
    for text in [
        "..:key",
        ".:key",
        "a/b:key",
        "a%2fb:key",
        "a b:key",
        "a\r\nX: 1:key",
        "a\0:key",
        "é:key",
        "a?b:key",
        "a#b:key",
        "no colon",
        &long,
    ] {
        let text = (text, world.send(&request(&basic(text))).await);
        assert_eq!(status(&text.1), 401, "{text:?}");
        assert!(text.1.contains("\"status\":\"Unauthorized\""), "{text:?}");
        let asked = world.asked();
        assert!(asked.iter().all(|call| call == "GET /api/me"), "{text:?} {asked:?}");
    }
    let line = "Authorization: Basic !!!\r\n";
    assert_eq!(status(&world.send(&request(line)).await), 401);
    assert!(world.asked().iter().all(|call| call == "GET /api/me"));
}

#[tokio::test]
async fn one_that_is_an_id_is_one_segment() {
    let mut world = World::new().await;
    world.send(&request(&basic("0f-1:key:with:colons"))).await;
    let asked = world.asked();
    assert_eq!(asked.last().unwrap(), "GET /api/organizations/0f-1/connections/c/shared");
}

/// Of two credentials upstream could take either, and the shim's verdict would be of the other.
#[tokio::test]
async fn two_credentials_are_nobody_s() {
    let mut world = World::new().await;
    let both = format!("{}Authorization: Bearer other\r\n", basic("0f-1:key"));
    let text = world.send(&request(&both)).await;
    let asked = world.asked();
    assert!(status(&text) == 401 && asked.is_empty(), "{text}\n{asked:?}");
}
