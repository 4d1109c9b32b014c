//! Settings: flags, environment and an optional TOML file, into one typed value.
//!
//! The one table below drives all of them: the fields of [`Settings`], the flags, the variables,
//! the keys of the file, `--help` and the README. A flag beats a variable, a variable beats the
//! file, the file beats the default. Every mistake of every source is reported at once, also in
//! values that a stronger source overrides.

mod file;
mod mistake;
mod moment;
mod network;
mod origin;
mod source;
mod table;
mod values;
pub mod webhook;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Uri};
use tracing::Level;

pub use mistake::{Mistake, Mistakes};
pub use moment::seconds;
pub use network::Network;
pub use origin::Origin;
pub use source::Source;
pub use table::{CONFIG, Setting, markdown};
pub use values::{CallerKind, LogFormat, RolloutSource};
pub use webhook::Webhook;

use crate::secret::Secret;
use source::Given;

table::settings! {
    /// Address where clients connect. Port 0 picks a free port, which the first log line names.
    listen: SocketAddr = "127.0.0.1:8080", "ADDRESS:PORT", values::address;
    /// Address of the admin listener: the dashboard at `/`, `/usage`, `/report`, `/metrics`, `/healthz` and `/readyz`. Port 0 picks a free port.
    admin: SocketAddr = "127.0.0.1:8081", "ADDRESS:PORT", values::address;
    /// Address of a listener for webhook deliveries alone. Left out: `listen` takes them too, at `/webhooks/NAME`.
    webhook_listen: Option<SocketAddr> = "", "ADDRESS:PORT", values::optional_address;
    /// Threads that serve clients: `auto` is one for each core that the process may use.
    threads: usize = "auto", "COUNT", values::threads;
    /// PEM file of the certificate, and those that lead to its authority, by which clients are served over TLS. Goes with `tls_key`.
    tls_cert: Option<PathBuf> = "", "FILE", values::certificates;
    /// PEM file of the private key of `tls_cert`.
    tls_key: Option<PathBuf> = "", "FILE", values::private_key;
    /// Origin of the 2025-09-18 API that requests go to: scheme, host and port, nothing else.
    upstream: Origin = "https://app.polytomic.com", "ORIGIN", origin::parse;
    /// PEM file of additional root certificates to trust upstream by, for self-hosted deployments.
    upstream_ca: Option<PathBuf> = "", "FILE", values::certificates;
    /// API version of requests without an `X-Polytomic-Version` header.
    default_version: HeaderValue = "2024-02-08", "DATE", values::version;
    /// Directory of rewrite rules that replaces the built-in ones.
    rules: Option<PathBuf> = "", "DIRECTORY", values::directory;
    /// TOML file that says which rules translate for which callers, and what is compared; or `legacy`, `shadow` or `translate` for all rules. Left out: everything is translated.
    rollout: Option<RolloutSource> = "", "FILE", values::rollout;
    /// Token that changes of the rollout through the admin listener need, as `Authorization: Bearer TOKEN`; at least 16 characters. Left out: it takes no changes. Better given by the environment than by a flag, which other processes can see.
    admin_token: Option<Secret<String>> = "", "SECRET", values::secret;
    /// What kind of credential callers use: `auto` asks upstream, `partner` and `organization` ask nothing.
    caller_kind: CallerKind = "auto", "KIND", values::caller_kind;
    /// How many callers are remembered.
    caller_cache_size: u64 = "10000", "COUNT", values::count;
    /// How long the kind of a caller is remembered.
    caller_cache_ttl: Duration = "5m", "DURATION", values::duration;
    /// Largest request body that is read for a translation, after decoding. Passthrough has no limit.
    max_request_body: usize = "16MiB", "SIZE", values::size;
    /// Largest single upstream answer that is read for a translation, after decoding. Passthrough has no limit.
    max_upstream_body: usize = "64MiB", "SIZE", values::size;
    /// Longest wait for the next part of a request's body.
    request_timeout: Duration = "30s", "DURATION", values::duration;
    /// Longest wait for the head of an upstream answer, and then for each next part of its body.
    upstream_timeout: Duration = "30s", "DURATION", values::duration;
    /// Longest time to connect to upstream, name look-up and TLS included.
    connect_timeout: Duration = "5s", "DURATION", values::duration;
    /// Longest time that a whole translated request may take, all its upstream calls included.
    deadline: Duration = "10m", "DURATION", values::duration;
    /// Longest time from connecting, or from the last answer, to the end of a request's head. Ends idle connections, so keep it above the idle times of clients.
    header_timeout: Duration = "75s", "DURATION", values::duration;
    /// Longest time that a client may take nothing of an answer that is ready for it.
    write_timeout: Duration = "60s", "DURATION", values::duration;
    /// Largest address and headers of a request together, each header counted with 32 bytes more.
    max_header_size: usize = "64KiB", "SIZE", values::head_size;
    /// Most connections of clients at once; further ones are answered with 503 and closed.
    max_connections: usize = "10000", "COUNT", values::count;
    /// Most requests that are translated at once; further ones are answered with 503. Passthrough has no limit.
    max_translations: usize = "1024", "COUNT", values::count;
    /// Most webhook deliveries that are under way at once; further ones are answered with 503.
    max_deliveries: usize = "64", "COUNT", values::count;
    /// Most upstream calls that wait for their turn at once; a request that would begin with one more is answered with 503.
    max_waiting: usize = "4096", "COUNT", values::count;
    /// Most upstream calls of one caller that wait for their turn at once, likewise.
    caller_max_waiting: usize = "1024", "COUNT", values::count;
    /// Most upstream calls that one request may take; one that needs more is an error.
    max_calls: usize = "100000", "COUNT", values::count;
    /// Upstream calls that one request may have under way at once.
    concurrency: usize = "16", "COUNT", values::count;
    /// Upstream calls that all translated requests of one caller may have under way at once.
    caller_concurrency: usize = "32", "COUNT", values::count;
    /// Upstream calls that all translated requests together may have under way at once.
    total_concurrency: usize = "256", "COUNT", values::count;
    /// Most pages that are read to answer with a whole list; a longer list is an error, never cut.
    max_pages: usize = "1000", "COUNT", values::count;
    /// Whether updating an organization may remove its OIDC client, which legacy bodies can leave out and nobody can read back.
    allow_oidc_loss: bool = "false", "BOOLEAN", values::boolean;
    /// Proxies whose `X-Forwarded-*` headers are believed: addresses and networks, separated by commas.
    trusted_proxies: Vec<Network> = "", "NETWORKS", network::parse_list;
    /// Origin that clients use, for addresses in answers. Left out: what each request says.
    public_url: Option<Origin> = "", "ORIGIN", origin::parse_optional;
    /// Origin at which Polytomic reaches the shim. With it, a client that registers the `forward` address of a `[[webhook]]` registers `ORIGIN/webhooks/NAME`, and is shown its own again.
    webhook_public_url: Option<Origin> = "", "ORIGIN", origin::parse_optional;
    /// Whether answers carry the `X-Shim-*` headers and an `X-Request-Id`.
    shim_headers: bool = "true", "BOOLEAN", values::boolean;
    /// Least severe level that is logged: `error`, `warn`, `info` (a line for each request), `debug` or `trace`.
    log_level: Level = "info", "LEVEL", values::level;
    /// What callers' fingerprints in the log are salted with, so that those of several instances agree; at least 16 characters. Left out: a random salt for each process. Better given by the environment than by a flag, which other processes can see.
    fingerprint_salt: Option<Secret<String>> = "", "SECRET", values::secret;
    /// File that keeps who calls what across restarts; made where there is none, and for one process only. It is replaced at each write, so its folder has to be writable. Left out: usage begins anew with each process. Without a `fingerprint_salt`, the file also keeps a random one.
    state: Option<PathBuf> = "", "FILE", values::state;
    /// How many clients usage is kept of; beyond, the longest unseen are forgotten.
    usage_callers: usize = "2000", "COUNT", values::count;
    /// Since when, or from when on, 2024-02-08 is deprecated: legacy answers say so in a `Deprecation` header (RFC 9745). Left out: they do not.
    deprecation: Option<SystemTime> = "", "DATE", moment::parse;
    /// When 2024-02-08 is going to stop being served: legacy answers say so in a `Sunset` header (RFC 8594). Left out: they do not.
    sunset: Option<SystemTime> = "", "DATE", moment::parse;
    /// Page that tells how to migrate, for the `Link` header that goes with `deprecation` and `sunset`, and for the dashboard.
    migration_guide: Uri = "https://apidocs.polytomic.com/guides/2025-09-18-migration-guide", "URL", moment::page;
    /// Form of log lines: `human` or `json`.
    log_format: LogFormat = "human", "FORMAT", values::log_format;
    /// Whether `/readyz` also asks whether upstream answers, at most every 5 seconds.
    ready_upstream: bool = "false", "BOOLEAN", values::boolean;
    /// Origin of an OpenTelemetry collector that gets a span for each request, by OTLP over HTTP at `/v1/traces`.
    otlp_endpoint: Option<Origin> = "", "ORIGIN", origin::parse_optional;
    /// How long requests that are under way may still take after SIGTERM or SIGINT.
    drain: Duration = "25s", "DURATION", values::duration_or_none;
}

/// Parses a duration the way settings are written, such as `250ms`; zero is allowed. The error is
/// a sentence for people.
pub fn duration(text: &str) -> Result<Duration, String> {
    values::duration_or_none(text).map_err(|problem| problem.message)
}

/// Parses a size the way settings are written, such as `16MiB`. The error is what is wrong, and
/// what to write instead.
pub fn size(text: &str) -> Result<usize, (String, Option<String>)> {
    values::size(text).map_err(|problem| (problem.message, problem.hint))
}

impl Settings {
    /// Reads all sources. `flags` holds setting names (`config` included) with their values;
    /// `environment` is what [`std::env::vars_os`] gives.
    pub fn load(
        flags: Vec<(&'static str, OsString)>,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let mut given = source::flags(flags, &mut mistakes);
        let environment: Vec<(OsString, OsString)> = environment.collect();
        given.extend(source::environment(environment.iter().cloned(), &mut mistakes));
        let mut webhooks = Vec::new();
        if let Some(config) = given.iter().find(|value| value.name == CONFIG.name).cloned() {
            let variable = |name: &str| {
                let found = environment.iter().find(|(own, _)| own == name);
                found.and_then(|(_, value)| value.to_str().map(str::to_owned))
            };
            let (more, found) = file::read(&config, &variable, &mut mistakes);
            given.extend(more);
            webhooks = found;
        }
        let mut settings = Self::settle(&given, &mut mistakes);
        if let Some(settings) = &mut settings {
            settings.webhooks = webhooks;
            settings.contradictions(&given, &mut mistakes);
        }
        match settings {
            Some(settings) if mistakes.is_empty() => Ok(settings),
            _ => Err(Mistakes(mistakes)),
        }
    }

    /// Takes back changes of what cannot change while the process runs: sockets are bound, and the
    /// log is begun. Gives the names of what was changed, and is not now.
    pub fn keep_fixed(&mut self, before: &Self) -> Vec<&'static str> {
        const FIXED: [&str; 10] = [
            "listen",
            "admin",
            "webhook_listen",
            "threads",
            "log_level",
            "log_format",
            "fingerprint_salt",
            "otlp_endpoint",
            "state",
            "usage_callers",
        ];
        // The state file's own salt stands in for one that nobody has set.
        if self.fingerprint_salt.is_none() && before.state.is_some() {
            self.fingerprint_salt.clone_from(&before.fingerprint_salt);
        }
        let mut kept = self.differences(before);
        kept.retain(|name| FIXED.contains(name));
        self.listen = before.listen;
        self.admin = before.admin;
        self.webhook_listen = before.webhook_listen;
        self.threads = before.threads;
        self.log_level = before.log_level;
        self.log_format = before.log_format;
        self.otlp_endpoint.clone_from(&before.otlp_endpoint);
        self.fingerprint_salt.clone_from(&before.fingerprint_salt);
        self.state.clone_from(&before.state);
        self.usage_callers = before.usage_callers;
        kept
    }

    /// What is wrong only in combination.
    fn contradictions(&self, given: &[Given], mistakes: &mut Vec<Mistake>) {
        let source_of = |name: &str| {
            let found = given.iter().find(|value| value.name == name);
            found.map_or(Source::Default, |value| value.source.clone())
        };
        if let (Some(deprecation), Some(sunset)) = (self.deprecation, self.sunset)
            && sunset < deprecation
        {
            mistakes.push(
                Mistake::new(source_of("sunset"), "`sunset` is before `deprecation`")
                    .hint("a version is deprecated first, and then no longer served"),
            );
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            let (there, missing) = match self.tls_cert.is_some() {
                true => ("tls_cert", "tls_key"),
                false => ("tls_key", "tls_cert"),
            };
            let message = format!("`{there}` is set, and `{missing}` is not");
            let hint = format!("set `{missing}` as well, or neither of them");
            mistakes.push(Mistake::new(source_of(there), message).hint(hint));
        }
        if self.listen == self.admin && self.listen.port() != 0 {
            mistakes.push(
                Mistake::new(source_of("admin"), "`admin` is the same address as `listen`")
                    .hint("give the admin listener a port of its own"),
            );
        }
        self.webhook_contradictions(&source_of, mistakes);
        if self.listen.port() != 0 && self.upstream.reaches(self.listen) {
            mistakes.push(
                Mistake::new(
                    source_of("upstream"),
                    "`upstream` is the shim's own `listen` address",
                )
                .hint("requests would go round in circles; name the API itself"),
            );
        }
    }
}

#[cfg(test)]
mod tests;
