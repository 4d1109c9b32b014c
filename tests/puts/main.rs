//! Every PUT is safe: reading through the shim and writing back unchanged leaves what upstream has
//! stored as it was, although a legacy client cannot say all of it.
//!
//! Random resources are stored by a strict upstream PUT; then a typed legacy client, which keeps
//! only what its contract declares, reads one through the shim and writes it back. What of a
//! request such a client cannot know is computed from the two contracts, and each test fails
//! unless its random resources have all of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, helpers of tests included"
)]

mod client;
mod contract;
mod resources;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use client::World;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

/// Runs one operation over random resources. `elsewhere` are request fields that belong to
/// another resource, each covered by the test of that one.
fn check(operation: &str, path: &str, resource: impl Strategy<Value = Value>, elsewhere: &[&str]) {
    let world = World::new();
    let hidden = contract::unknown_to_legacy(operation);
    let seen: RefCell<BTreeSet<String>> = RefCell::default();
    let turns = Cell::new(0);
    let mut runner =
        TestRunner::new(Config { cases: 1000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&resource, |body| {
        world.store(path, &body);
        let before = world.stored(path);
        contract::pointers_of(&before, "", &mut seen.borrow_mut());
        // Everything stored is much to look at: the resource each time, all of it now and then.
        let turn = turns.replace(turns.get() + 1);
        let all_before = (turn % 50 == 0).then(|| world.state());
        let shown = world.read(path);
        let answer = world.write_back(operation, path, &shown);
        prop_assert_eq!(answer.status, 200, "{}", answer.body);
        prop_assert_eq!(world.stored(path), before, "disclosed: {:?}", answer.disclosed);
        if let Some(all_before) = all_before {
            prop_assert_eq!(world.state(), all_before);
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{operation}: {error}"));
    let seen = seen.into_inner();
    let covered = |pointer: &&String| {
        seen.contains(*pointer) || elsewhere.iter().any(|prefix| pointer.starts_with(prefix))
    };
    let missing: Vec<&String> = hidden.iter().filter(|pointer| !covered(pointer)).collect();
    assert!(missing.is_empty(), "{operation}: no random resource has {missing:?}");
    assert!(
        !hidden.is_empty() || operation == "organization.update",
        "{operation}: nothing is hidden"
    );
}

#[test]
fn bulk_sync_update() {
    // The selection of schemas is not part of the resource: absent, it stays.
    check("bulk_sync.update", resources::BULK_SYNC, resources::bulk_sync(), &["/schemas"]);
}

#[test]
fn bulk_schema_update() {
    check("bulk_sync.schemas.update", resources::BULK_SCHEMA, resources::bulk_schema(), &[]);
}

#[test]
fn model_sync_update() {
    check("model_sync.update", resources::MODEL_SYNC, resources::model_sync(), &[]);
}

#[test]
fn organization_update() {
    check("organization.update", resources::ORGANIZATION, resources::organization(), &[]);
}

#[test]
fn no_other_put_hides_anything() {
    let tested = [
        "bulk_sync.update",
        "bulk_sync.schemas.update",
        "model_sync.update",
        "organization.update",
    ];
    for operation in contract::puts() {
        let hidden = contract::unknown_to_legacy(&operation);
        assert!(
            hidden.is_empty() || tested.contains(&operation.as_str()),
            "{operation} hides {hidden:?} and has no test"
        );
    }
}
