//! The demo's data and credentials: two organizations under a partner, and an unrelated third.

use serde_json::{Value, json};

use super::json::text;
use super::store::{Store, Table};

mod activity;
mod bulk;
mod organizations;
mod syncs;

/// The partner's own organization, where most of the data is.
pub const ORGANIZATION_A: &str = "00000002-0000-4000-8000-000000000001";
/// The other organization under the partner.
pub const ORGANIZATION_B: &str = "00000002-0000-4000-8000-000000000002";
/// An organization that has nothing to do with the partner.
pub const ORGANIZATION_C: &str = "00000002-0000-4000-8000-000000000003";

/// A bulk sync of organization A with a manual default schedule, incremental fields continuously
/// and the others daily: legacy shows it as `multi`.
pub const MULTI_BULK_SYNC: &str = "0000000d-0000-4000-8000-000000000007";
/// A bulk sync of organization A whose additional schedules have `schemas` and `resync_mode`.
pub const HIDDEN_BULK_SYNC: &str = "0000000d-0000-4000-8000-00000000000f";
/// A model sync of organization A with an execution under way.
pub const RUNNING_SYNC: &str = "0000000b-0000-4000-8000-000000000005";
/// The execution under way of [`RUNNING_SYNC`].
pub const RUNNING_EXECUTION: &str = "0000000c-0000-4000-8000-00000000000a";
/// A model sync of organization A with several identity mappings and both kinds of filters; there
/// if 60 model syncs are seeded or more.
pub const IDENTITIES_SYNC: &str = "0000000b-0000-4000-8000-00000000003c";
/// A connection of organization A that is shared with organization B.
pub const SHARED_CONNECTION: &str = "00000007-0000-4000-8000-000000000001";

/// A demo credential. It opens nothing but an emulator.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `user`, `organization`, `partner` or `system`.
    pub kind: &'static str,
    /// Whose it is; a partner's is that of the organization which owns the partner, a system
    /// key's is empty.
    pub organization: &'static str,
    /// What to send as `Bearer`, or after the colon of `Basic`.
    pub secret: &'static str,
}

/// Every seeded credential.
pub const KEYS: [Key; 7] = [
    Key { kind: "user", organization: ORGANIZATION_A, secret: "demo-a-user" },
    Key { kind: "organization", organization: ORGANIZATION_A, secret: "demo-a-organization" },
    Key { kind: "user", organization: ORGANIZATION_B, secret: "demo-b-user" },
    Key { kind: "organization", organization: ORGANIZATION_B, secret: "demo-b-organization" },
    Key { kind: "user", organization: ORGANIZATION_C, secret: "demo-c-user" },
    Key { kind: "partner", organization: ORGANIZATION_A, secret: "demo-partner" },
    Key { kind: "system", organization: "", secret: "demo-system" },
];

/// A store with everything in it; `model_syncs` is how many organization A has.
pub(super) fn store(model_syncs: usize) -> Store {
    let mut store = Store::default();
    let homes = organizations::seed(&mut store);
    for (home, syncs, bulk_syncs) in [(0, model_syncs.max(20), 60), (1, 3, 3), (2, 2, 2)] {
        syncs::seed(&mut store, &homes[home], syncs);
        bulk::seed(&mut store, &homes[home], bulk_syncs);
    }
    activity::seed(&mut store, &homes[0]);
    store
}

/// What the resources of one organization refer to.
struct Home {
    organization: &'static str,
    actor: Value,
    /// Connections: a database, a warehouse, and two applications.
    database: Value,
    warehouse: Value,
    applications: [Value; 2],
    models: Vec<Value>,
}

/// `created_*` and `updated_*` of something that this write makes.
fn stamped(store: &mut Store, actor: &Value, mut row: Value) -> Value {
    let now = store.tick();
    for (at, by) in [("created_at", "created_by"), ("updated_at", "updated_by")] {
        row[at] = json!(now);
        row[by] = actor.clone();
    }
    row
}

/// The latest row of a table.
fn latest(store: &Store, table: Table) -> String {
    let row = store.rows(table).last();
    row.map(|row| text(row, "id").to_owned()).unwrap_or_default()
}
