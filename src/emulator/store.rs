//! The state: tables of JSON rows, counters for ids, and the logical clock.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::clock;
use super::json::text;

/// The clock of an empty store: 2025-10-01T00:00:00Z.
const EPOCH: i64 = 1_759_276_800;

/// The tables. A row is a JSON object with an `id`; properties that start with `_` are the
/// emulator's own and never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Partners,
    Organizations,
    Users,
    Keys,
    Roles,
    Policies,
    Connections,
    Schemas,
    ConnectSessions,
    Models,
    ModelSyncs,
    Executions,
    BulkSyncs,
    BulkSchemas,
    BulkSchedules,
    BulkExecutions,
    Webhooks,
    Deliveries,
    Events,
    Queries,
    Jobs,
    Notifications,
    RecordLogging,
}

impl Table {
    const ALL: [Table; 23] = [
        Table::Partners,
        Table::Organizations,
        Table::Users,
        Table::Keys,
        Table::Roles,
        Table::Policies,
        Table::Connections,
        Table::Schemas,
        Table::ConnectSessions,
        Table::Models,
        Table::ModelSyncs,
        Table::Executions,
        Table::BulkSyncs,
        Table::BulkSchemas,
        Table::BulkSchedules,
        Table::BulkExecutions,
        Table::Webhooks,
        Table::Deliveries,
        Table::Events,
        Table::Queries,
        Table::Jobs,
        Table::Notifications,
        Table::RecordLogging,
    ];

    /// The word for one row, in messages and in `GET /api/entities/{id}`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Table::Partners => "partner",
            Table::Organizations => "organization",
            Table::Users => "user",
            Table::Keys => "key",
            Table::Roles => "role",
            Table::Policies => "policy",
            Table::Connections => "connection",
            Table::Schemas => "schema",
            Table::ConnectSessions => "connect_session",
            Table::Models => "model",
            Table::ModelSyncs => "sync",
            Table::Executions => "execution",
            Table::BulkSyncs => "bulk_sync",
            Table::BulkSchemas => "bulk_schema",
            Table::BulkSchedules => "schedule",
            Table::BulkExecutions => "bulk_execution",
            Table::Webhooks => "webhook",
            Table::Deliveries => "delivery",
            Table::Events => "event",
            Table::Queries => "query",
            Table::Jobs => "job",
            Table::Notifications => "notification",
            Table::RecordLogging => "record_logging",
        }
    }
}

/// Everything that an emulator remembers.
#[derive(Clone, Default)]
pub(super) struct Store {
    ticks: i64,
    counters: BTreeMap<Table, u64>,
    tables: BTreeMap<Table, Vec<Value>>,
}

/// The clock and the counters at some moment, to go back to when a write is refused.
pub(super) struct Mark {
    ticks: i64,
    counters: BTreeMap<Table, u64>,
}

impl Store {
    /// The time of the latest write.
    pub(super) fn now(&self) -> String {
        clock::format(self.seconds())
    }

    /// [`Store::now`] in seconds since 1970.
    pub(super) fn seconds(&self) -> i64 {
        EPOCH + self.ticks
    }

    /// One second later: the time of a new write.
    pub(super) fn tick(&mut self) -> String {
        self.ticks += 1;
        self.now()
    }

    /// An id shaped like a UUID, unique among all tables; ids of one table sort by age.
    pub(super) fn next_id(&mut self, table: Table) -> String {
        let counter = self.counters.entry(table).or_default();
        *counter += 1;
        format!("{:08x}-0000-4000-8000-{counter:012x}", table as u32 + 1)
    }

    /// The rows of a table, oldest first.
    pub(super) fn rows(&self, table: Table) -> &[Value] {
        self.tables.get(&table).map_or(&[], Vec::as_slice)
    }

    pub(super) fn rows_mut(&mut self, table: Table) -> &mut Vec<Value> {
        self.tables.entry(table).or_default()
    }

    pub(super) fn get(&self, table: Table, id: &str) -> Option<&Value> {
        self.rows(table).iter().find(|row| text(row, "id") == id)
    }

    pub(super) fn get_mut(&mut self, table: Table, id: &str) -> Option<&mut Value> {
        self.rows_mut(table).iter_mut().find(|row| text(row, "id") == id)
    }

    /// The first row whose string at `key` is `value`.
    pub(super) fn find(&self, table: Table, key: &str, value: &str) -> Option<&Value> {
        self.rows(table).iter().find(|row| text(row, key) == value)
    }

    /// The rows whose string at `key` is `value`, oldest first.
    pub(super) fn select<'a>(
        &'a self,
        table: Table,
        key: &'a str,
        value: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Value> {
        self.rows(table).iter().filter(move |row| text(row, key) == value)
    }

    pub(super) fn insert(&mut self, table: Table, row: Value) {
        self.rows_mut(table).push(row);
    }

    pub(super) fn remove(&mut self, table: Table, id: &str) -> Option<Value> {
        let rows = self.rows_mut(table);
        let place = rows.iter().position(|row| text(row, "id") == id)?;
        Some(rows.remove(place))
    }

    /// Removes the rows of every table whose string at `key` is `value`.
    pub(super) fn remove_everywhere(&mut self, key: &str, value: &str) {
        for rows in self.tables.values_mut() {
            rows.retain(|row| text(row, key) != value);
        }
    }

    /// The table and the row of an id, in the tables whose ids are unique.
    pub(super) fn locate(&self, id: &str) -> Option<(Table, &Value)> {
        Table::ALL
            .into_iter()
            .filter(|table| !matches!(table, Table::Schemas | Table::BulkSchemas))
            .find_map(|table| Some((table, self.get(table, id)?)))
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { ticks: self.ticks, counters: self.counters.clone() }
    }

    /// Forgets the ticks and ids since the mark, so that a refused write leaves no trace.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.ticks = mark.ticks;
        self.counters = mark.counters;
    }

    pub(super) fn state(&self) -> Value {
        let mut state = Map::new();
        state.insert("clock".to_owned(), Value::String(self.now()));
        for (table, rows) in &self.tables {
            let rows = rows.iter().map(masked).collect();
            state.insert(table.word().to_owned(), rows);
        }
        Value::Object(state)
    }
}

/// The value with secrets replaced by the start of their hash: comparable, but not usable.
///
/// A copy that is changed in place: built anew, member by member, it would be most of the work of
/// the tests, which look at the state after every write.
fn masked(value: &Value) -> Value {
    let mut copy = value.clone();
    mask(&mut copy);
    copy
}

fn mask(value: &mut Value) {
    const SECRET: [&str; 6] =
        ["_secret", "client_secret", "encryption_passphrase", "password", "secret", "token"];
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(secret) if SECRET.contains(&key.as_str()) => {
                        let digest = Sha256::digest(&*secret);
                        let start: String =
                            digest[..6].iter().map(|b| format!("{b:02x}")).collect();
                        *secret = format!("sha256:{start}");
                    }
                    Value::Array(_) | Value::Object(_) => mask(value),
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}
