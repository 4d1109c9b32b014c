use http::{HeaderMap, Method, StatusCode};

use super::*;
use crate::caller::Salt;

fn request(usage: &Usage, salt: &Salt, key: &str, asks: Asks) {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
    headers.insert("x-fern-sdk-name", "polytomic".parse().unwrap());
    let mut call = usage.begin(&headers, asks, || salt.of(&headers));
    call.answered(StatusCode::OK, 3);
    call.belongs_to(Some("O-1".to_owned()));
}

fn list(usage: &Usage) -> Asks {
    usage.asks_legacy(&Method::GET, "/api/syncs")
}

/// What one process would do: `keys` call, and what was counted is written.
fn process(path: &Path, keys: &[&str], limit: usize) -> super::super::View {
    let usage = Usage::default();
    usage.limit(limit);
    let state = State::open(path, None, &usage).unwrap();
    let salt = Salt::shared(state.salt());
    for key in keys {
        request(&usage, &salt, key, list(&usage));
        request(&usage, &salt, key, Asks::Upstream);
    }
    state.write(&usage).unwrap();
    usage.view()
}

#[test]
fn counts_callers_and_their_names_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let first = process(&path, &["a", "b"], 10);
    let second = process(&path, &["b", "c"], 10);
    assert!(second.kept);
    assert_eq!(second.since, first.since);
    assert_eq!((second.legacy.requests, second.legacy.upstream_calls), (4, 12));
    assert_eq!(second.callers.len(), 3, "the same key has the same name again");
    let b = second.callers.iter().find(|caller| caller.legacy.requests == 2).unwrap();
    assert_eq!((b.migrated.requests, b.organization.as_deref()), (2, Some("O-1")));
    assert_eq!(b.operations[0].id, "model_sync.list");
    assert_eq!(second.days.iter().map(|day| day.traffic.legacy).sum::<u64>(), 4);
    assert_eq!(second.legacy.first, first.legacy.first);
    let third = process(&path, &[], 10);
    assert_eq!(third.callers.len(), 3);
    assert_eq!(
        serde_json::to_value(&third.operations).unwrap(),
        serde_json::to_value(&second.operations).unwrap()
    );
}

#[test]
fn the_forgotten_are_forgotten_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    process(&path, &["a", "b", "c", "d", "e", "f"], 4);
    let later = process(&path, &[], 100);
    assert!(later.callers.len() <= 4, "{}", later.callers.len());
    assert_eq!(later.evicted as usize, 6 - later.callers.len());
    assert_eq!(later.legacy.requests, 6);
}

#[test]
fn the_file_holds_no_credential_and_is_its_owners() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    process(&path, &["hunter2hunter2"], 10);
    let bytes = std::fs::read(&path).unwrap();
    assert!(memchr::memmem::find(&bytes, b"hunter2").is_none());
    assert!(memchr::memmem::find(&bytes, b"model_sync.list").is_some(), "it is readable at all");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let given = Secret::new("a salt of the settings".to_owned());
    drop(State::open(&path, Some(&given), &Usage::default()).unwrap());
    let bytes = std::fs::read(&path).unwrap();
    assert!(memchr::memmem::find(&bytes, b"a salt of the settings").is_none());
}

fn refusal(path: &Path) -> String {
    State::open(path, None, &Usage::default()).unwrap_err().to_string()
}

#[test]
fn what_is_no_state_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "These are my notes. ".repeat(1_000);
    std::fs::write(&path, &text).unwrap();
    let message = refusal(&path);
    assert!(message.contains("is no state file") && message.contains("hint: "), "{message}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);

    std::fs::write(&path, "polytomic-shim usage 3 of another form\n").unwrap();
    assert!(refusal(&path).contains("was written by another version"));

    assert!(refusal(&folder.path().join("no/such/folder")).contains("cannot be opened"));
}

#[test]
fn what_a_killed_process_left_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    process(&path, &["a"], 10);
    let left = folder.path().join("state.new");
    std::fs::write(&left, "half of it").unwrap();
    assert_eq!(process(&path, &["a"], 10).legacy.requests, 2);
    assert!(!left.exists());
}

#[test]
fn a_file_that_cannot_be_replaced_says_so_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    // A folder where the next one would be made stands for a disk that takes nothing.
    std::fs::create_dir_all(folder.path().join("state.new/kept")).unwrap();
    let message = refusal(&path);
    assert!(message.contains("cannot be written") && message.contains("hint: "), "{message}");
}

#[test]
#[cfg(unix)]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("state"), folder.path().join("link"));
    process(&path, &["a"], 10);
    std::os::unix::fs::symlink(&path, &link).unwrap();
    process(&link, &["a"], 10);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(process(&path, &[], 10).legacy.requests, 2);
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let usage = Usage::default();
    let state = State::open(&path, None, &usage).unwrap();
    assert!(refusal(&path).contains("is in use by another process"));
    // It is another file now, and has the same owner.
    request(&usage, &Salt::shared(state.salt()), "a", list(&usage));
    state.write(&usage).unwrap();
    assert!(refusal(&path).contains("is in use by another process"));
    drop(state);
    assert_eq!(process(&path, &[], 10).legacy.requests, 1);
}

#[test]
fn a_damaged_file_never_panics_and_never_counts_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    process(&path, &["a"], 10);
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for round in 0..60_usize {
        let mut bytes = whole.clone();
        match round % 3 {
            0 => bytes.truncate(whole.len() * round / 60),
            1 => bytes[(round * 7919) % whole.len()] ^= 0xff,
            _ => {
                let at = (round * 104_729) % whole.len();
                let end = (at + 64).min(whole.len());
                bytes[at..end].fill(0xa5);
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let usage = Usage::default();
        match State::open(&path, None, &usage) {
            // Cut off before it begins, it is an empty one.
            Ok(_) => assert!(bytes.is_empty(), "round {round}"),
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("hint: "), "{error}");
            }
        }
    }
    assert!(refused > 50, "{refused}");
}
