//! Usage kept across restarts, in a file of an embedded database (`redb`).
//!
//! Every write is a transaction that is on the disk before it counts, so a process that is killed
//! leaves the file as of the last write. One process at a time may use a file.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, TableError,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Usage;
use super::call::Asks;
use super::counts::Counted;
use super::history::Bucket;
use super::who::Who;
use crate::secret::Secret;

/// What the file is, and the version of its form.
const FORMAT: &str = "polytomic-shim usage 1";
/// `format`, `salt`, `salt check` and `totals`.
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
/// A [`Who`] and a [`Kept`], both as JSON.
const CLIENTS: TableDefinition<&str, &[u8]> = TableDefinition::new("clients");
/// What the database may keep in memory, in bytes: everything is read once, and rarely written.
const CACHE: usize = 4 << 20;

/// A file with usage in it.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    database: Database,
    salt: Secret<String>,
    /// How much had been counted when this was last written.
    written: Mutex<u64>,
    evicted: AtomicU64,
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the state file {path} {what}\n  hint: {hint}")]
pub struct StateError {
    path: String,
    what: String,
    hint: &'static str,
}

/// Everything but the clients.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Totals {
    since: u64,
    legacy: BTreeMap<String, Counted>,
    migrated: Counted,
    other: Counted,
    refused: u64,
    evicted: u64,
    minutes: Vec<Bucket>,
    hours: Vec<Bucket>,
    days: Vec<Bucket>,
}

/// One client.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    organization: Option<String>,
    legacy: BTreeMap<String, Counted>,
    migrated: Counted,
    other: Counted,
}

const MOVE_AWAY: &str = "name another file, or move this one away to begin counting anew";

impl State {
    /// Opens a file, or makes it, and adds what it holds to what is counted from now on. `salt` is
    /// that of the settings; the file keeps one of its own where they have none, so that callers
    /// keep their names.
    ///
    /// # Errors
    /// The file cannot be opened, is in use, is damaged, or is something else; nothing was added.
    pub fn open(
        path: &Path,
        salt: Option<&Secret<String>>,
        usage: &Usage,
    ) -> Result<Self, StateError> {
        let open = || {
            let state = Self::open_file(path, salt)?;
            state.restore(usage).map_err(|source| damaged(path, &source.to_string()))?;
            Ok(state)
        };
        // The database takes some kinds of damage for a defect of its own.
        quietly(open).unwrap_or_else(|| Err(damaged(path, "its pages contradict each other")))
    }

    fn open_file(path: &Path, salt: Option<&Secret<String>>) -> Result<Self, StateError> {
        let error =
            |what: String, hint| StateError { path: path.display().to_string(), what, hint };
        make(path).map_err(|source| {
            error(format!("cannot be opened: {source}"), "check its folder and permissions")
        })?;
        let database = Builder::new().set_cache_size(CACHE).create(path);
        let database = database.map_err(|source| match source {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => error(
                "is in use by another process".to_owned(),
                "give each process a file of its own",
            ),
            source => error(format!("is damaged, or no state file: {source}"), MOVE_AWAY),
        })?;
        let salt = claim(&database, salt).map_err(|what| error(what, MOVE_AWAY))?;
        Ok(Self {
            path: path.to_owned(),
            database,
            salt,
            written: Mutex::default(),
            evicted: AtomicU64::new(0),
        })
    }

    /// The salt by which the callers in this file got their names.
    pub fn salt(&self) -> &Secret<String> {
        &self.salt
    }

    fn restore(&self, usage: &Usage) -> Result<(), redb::Error> {
        let transaction = self.database.begin_read()?;
        let meta = transaction.open_table(META)?;
        let totals: Totals =
            meta.get("totals")?.map(|text| read(text.value())).transpose()?.unwrap_or_default();
        let mut clients: Vec<(Who, Kept)> = Vec::new();
        for row in transaction.open_table(CLIENTS)?.iter()? {
            let (who, kept) = row?;
            clients.push((read(who.value().as_bytes())?, read(kept.value())?));
        }
        usage.restore(totals, clients);
        self.evicted.store(usage.evicted.load(Ordering::Relaxed), Ordering::Relaxed);
        *self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = usage.counted();
        Ok(())
    }

    /// Writes what has changed since the last time; waits for the disk.
    ///
    /// # Errors
    /// The disk is full, or gone. What was written before stays.
    pub fn write(&self, usage: &Usage) -> Result<(), StateError> {
        self.write_all(usage).map_err(|source| StateError {
            path: self.path.display().to_string(),
            what: format!("cannot be written: {source}"),
            hint: "check the disk; usage is counted on in memory",
        })
    }

    fn write_all(&self, usage: &Usage) -> Result<(), redb::Error> {
        usage.look();
        let mut written = self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let counted = usage.counted();
        if *written == counted {
            return Ok(());
        }
        let transaction = self.database.begin_write()?;
        {
            let mut clients = transaction.open_table(CLIENTS)?;
            for (who, kept) in usage.changed() {
                clients.insert(json(&who).as_str(), json(&kept).as_bytes())?;
            }
            let evicted = usage.evicted.load(Ordering::Relaxed);
            if self.evicted.swap(evicted, Ordering::Relaxed) != evicted {
                let known: Vec<String> = usage.known().keys().map(json).collect();
                let known: std::collections::HashSet<&str> =
                    known.iter().map(String::as_str).collect();
                clients.retain(|who, _| known.contains(who))?;
            }
            transaction.open_table(META)?.insert("totals", json(&usage.totals()).as_bytes())?;
        }
        transaction.commit()?;
        *written = counted;
        Ok(())
    }
}

fn damaged(path: &Path, how: &str) -> StateError {
    let what = format!("is damaged: {how}");
    StateError { path: path.display().to_string(), what, hint: MOVE_AWAY }
}

/// What `work` gives; none where it panics, which is not printed.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    let (me, before) = (std::thread::current().id(), Arc::new(std::panic::take_hook()));
    let others = before.clone();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != me {
            others(panic);
        }
    }));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    std::panic::set_hook(Box::new(move |panic| before(panic)));
    result.ok()
}

/// Makes the file, if there is none, so that only its owner may read it: it can hold the salt.
fn make(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

/// Checks that the file is one of ours, or makes it one; gives the salt to use.
fn claim(database: &Database, given: Option<&Secret<String>>) -> Result<Secret<String>, String> {
    let wrong = |error: redb::Error| format!("is damaged: {error}");
    let transaction = database.begin_write().map_err(|error| wrong(error.into()))?;
    let salt = {
        let is_empty =
            transaction.list_tables().map_err(|error| wrong(error.into()))?.next().is_none();
        let mut meta = match transaction.open_table(META) {
            Ok(meta) => meta,
            Err(TableError::Storage(error)) => return Err(wrong(error.into())),
            Err(_) => return Err("is a database of another program".to_owned()),
        };
        let text = |key: &str| {
            let value = meta.get(key).map_err(|error| wrong(error.into()))?;
            Ok::<_, String>(value.map(|value| value.value().to_vec()))
        };
        match text("format")? {
            None if is_empty => {}
            Some(format) if format == FORMAT.as_bytes() => {}
            Some(format) if format.starts_with(b"polytomic-shim usage ") => {
                return Err("was written by another version of polytomic-shim".to_owned());
            }
            _ => return Err("is a database of another program".to_owned()),
        }
        let (own, before) = (text("salt")?, text("salt check")?);
        let own = own.and_then(|own| String::from_utf8(own).ok());
        let fresh =
            || format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let salt = given.cloned().unwrap_or_else(|| Secret::new(own.unwrap_or_else(fresh)));
        let check = Sha256::new().chain_update("salt check").chain_update(salt.expose()).finalize();
        let check = check.get(..8).unwrap_or_default();
        if before.is_some_and(|before| before != check) {
            tracing::warn!(
                "the state file's callers were named with another `fingerprint_salt`: those that call again appear twice"
            );
        }
        let mut put = |key: &str, value: &[u8]| {
            meta.insert(key, value).map(|_| ()).map_err(|error| wrong(error.into()))
        };
        put("format", FORMAT.as_bytes())?;
        put("salt check", check)?;
        if given.is_none() {
            put("salt", salt.expose().as_bytes())?;
        }
        salt
    };
    transaction.open_table(CLIENTS).map_err(|error| wrong(error.into()))?;
    transaction.commit().map_err(|error| wrong(error.into()))?;
    Ok(salt)
}

fn json<T: Serialize>(value: &T) -> String {
    // Texts, numbers and lists of them always have a form in JSON.
    serde_json::to_string(value).unwrap_or_default()
}

fn read<T: for<'t> Deserialize<'t>>(text: &[u8]) -> Result<T, redb::Error> {
    serde_json::from_slice(text).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

impl Usage {
    /// How many requests were counted in all: what has changed when this has.
    fn counted(&self) -> u64 {
        let traffic = self.traffic();
        let refused = self.refused.load(Ordering::Relaxed);
        traffic.legacy + traffic.migrated + self.other.requests() + refused
    }

    fn totals(&self) -> Totals {
        let named = self.operations.iter().zip(&self.legacy);
        let legacy = named.map(|(operation, counts)| (operation.id.clone(), counts.now()));
        let history = self.history();
        Totals {
            since: self.since.load(Ordering::Relaxed),
            legacy: legacy.filter(|(_, counted)| counted.requests > 0).collect(),
            migrated: self.migrated.now(),
            other: self.other.now(),
            refused: self.refused.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
            minutes: history.minutes.iter().copied().collect(),
            hours: history.hours.iter().copied().collect(),
            days: history.days.iter().copied().collect(),
        }
    }

    /// The clients that were counted on since this was last asked.
    fn changed(&self) -> Vec<(Who, Kept)> {
        let clients = self.known();
        let changed = clients.values().filter(|client| client.take_changed());
        let kept = changed.map(|client| {
            let view = client.view(&self.operations);
            let operations = view.operations.into_iter();
            let kept = Kept {
                organization: view.organization,
                legacy: operations.map(|operation| (operation.id, operation.counted)).collect(),
                migrated: view.migrated,
                other: view.other,
            };
            (view.who, kept)
        });
        kept.collect()
    }

    /// Counts on from where an earlier process ended.
    fn restore(&self, totals: Totals, mut clients: Vec<(Who, Kept)>) {
        self.kept.store(true, Ordering::Relaxed);
        if totals.since != 0 {
            self.since.store(totals.since, Ordering::Relaxed);
        }
        for (id, counted) in &totals.legacy {
            if let Some(counts) = self.legacy.get(usize::from(self.number(id))) {
                counts.restore(*counted);
            }
        }
        self.migrated.restore(totals.migrated);
        self.other.restore(totals.other);
        self.refused.fetch_add(totals.refused, Ordering::Relaxed);
        self.evicted.fetch_add(totals.evicted, Ordering::Relaxed);
        let kept = [totals.minutes, totals.hours, totals.days];
        let traffic = self.traffic();
        self.history().restore(kept, traffic);
        let last = |kept: &Kept| {
            let legacy = kept.legacy.values().map(|counted| counted.last).max().unwrap_or_default();
            legacy.max(kept.migrated.last).max(kept.other.last)
        };
        clients.sort_by_key(|(_, kept)| std::cmp::Reverse(last(kept)));
        clients.truncate(self.capacity.load(Ordering::Relaxed));
        let mut known = self.known();
        for (who, kept) in clients {
            let client = self.client(who.clone(), 0);
            for (id, counted) in &kept.legacy {
                client.restore(Asks::Legacy(self.number(id)), *counted);
            }
            client.restore(Asks::Upstream, kept.migrated);
            client.restore(Asks::Other, kept.other);
            client.belongs_to(kept.organization);
            known.insert(who, client);
        }
    }

    /// The number of an operation; that of the unknown ones for one that is no more.
    fn number(&self, id: &str) -> u16 {
        self.operations.by_id(id).unwrap_or_else(|| self.operations.unknown())
    }
}

#[cfg(test)]
mod tests;
