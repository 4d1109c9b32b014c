//! Usage kept across restarts, in a file of its own.

mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Usage;
use super::call::Asks;
use super::counts::Counted;
use super::history::Bucket;
use super::who::Who;
use crate::secret::Secret;
use file::{FileError, StateFile};

/// A file with usage in it.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    salt: Secret<String>,
    /// Whether the salt is that of the settings, which the file does not keep.
    is_given: bool,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    file: StateFile,
    /// How much had been counted when it was last written; none before that.
    counted: Option<u64>,
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the state file {path} {what}\n  hint: {hint}")]
pub struct StateError {
    path: String,
    what: String,
    hint: &'static str,
}

/// What the file holds, as JSON.
#[derive(Serialize, Deserialize)]
struct Content {
    /// By which callers got their names, unless the settings have one.
    salt: Option<String>,
    /// Tells that salt, or the one of the settings, from another.
    salt_check: String,
    totals: Totals,
    clients: Vec<(Who, Kept)>,
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

impl State {
    /// Opens a file, or makes it, and adds what it holds to what is counted from now on. `salt` is
    /// that of the settings; the file keeps one of its own where they have none, so that callers
    /// keep their names.
    ///
    /// # Errors
    /// The file cannot be opened or written, is in use, is damaged, or is something else.
    pub fn open(
        path: &Path,
        salt: Option<&Secret<String>>,
        usage: &Usage,
    ) -> Result<Self, StateError> {
        let (file, content) = StateFile::open(path).map_err(|source| unusable(path, &source))?;
        let content: Option<Content> = content
            .map(|content| serde_json::from_slice(&content))
            .transpose()
            .map_err(|source| unusable(path, &FileError::Damaged(source.to_string())))?;
        let own = content.as_ref().and_then(|content| content.salt.clone());
        let state = Self {
            path: path.to_owned(),
            salt: salt.cloned().unwrap_or_else(|| Secret::new(own.unwrap_or_else(fresh_salt))),
            is_given: salt.is_some(),
            written: Mutex::new(Written { file, counted: None }),
        };
        if let Some(Content { salt_check, totals, clients, .. }) = content {
            if salt_check != state.salt_check() {
                tracing::warn!(
                    "the state file's callers were named with another `fingerprint_salt`: those that call again appear twice"
                );
            }
            usage.restore(totals, clients);
        }
        usage.kept.store(true, Ordering::Relaxed);
        // Whether it can be written shows now, not when there is something to lose.
        state.write(usage)?;
        Ok(state)
    }

    /// The salt by which the callers in this file got their names.
    pub fn salt(&self) -> &Secret<String> {
        &self.salt
    }

    /// Writes all there is if more was counted since the last time; waits for the disk.
    ///
    /// # Errors
    /// The disk is full, or gone. What was written before stays.
    pub fn write(&self, usage: &Usage) -> Result<(), StateError> {
        usage.look();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = Some(usage.counted());
        if written.counted == counted {
            return Ok(());
        }
        let content = Content {
            salt: (!self.is_given).then(|| self.salt.expose().clone()),
            salt_check: self.salt_check(),
            totals: usage.totals(),
            clients: usage.clients(),
        };
        let bytes = serde_json::to_vec(&content).map_err(std::io::Error::from);
        bytes.and_then(|bytes| written.file.write(&bytes)).map_err(|source| StateError {
            path: self.path.display().to_string(),
            what: format!("cannot be written: {source}"),
            hint: "check the disk, and that its folder may be written to: the file is replaced each time",
        })?;
        written.counted = counted;
        Ok(())
    }

    fn salt_check(&self) -> String {
        let check = Sha256::new().chain_update("salt check").chain_update(self.salt.expose());
        check.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn unusable(path: &Path, source: &FileError) -> StateError {
    StateError {
        path: path.display().to_string(),
        what: source.to_string(),
        hint: match source {
            FileError::Unopened(_) => "check its folder and permissions",
            FileError::InUse => "give each process a file of its own",
            _ => "name another file, or move this one away to begin counting anew",
        },
    }
}

fn fresh_salt() -> String {
    format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
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

    /// All clients.
    fn clients(&self) -> Vec<(Who, Kept)> {
        let clients = self.known();
        let kept = clients.values().map(|client| {
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
