//! Log lines: to standard error, as text or as JSON.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::format::Format;
use super::lines::Lines;
use super::otlp::{self, Export};
use crate::settings::{LogFormat, Settings};

/// The target of lines that are logged whatever the level is.
pub const ALWAYS: &str = "polytomic_shim::start";

/// What layers stand on.
pub(super) type Filtered = Layered<Targets, Registry>;

/// What has begun with the log, and has to end before the process does.
pub struct Log {
    lines: Lines,
    export: Export,
}

impl Log {
    /// Writes the lines, and sends the spans, that still wait.
    pub async fn finish(self) {
        self.export.finish().await;
        self.lines.flush();
    }
}

/// Starts logging, and exporting spans where that is configured. Standard output stays free for
/// what commands print. Called within a runtime.
///
/// The libraries underneath never log below `warn`: at `trace` some print whole header maps, and
/// no level may make a credential readable.
///
/// # Errors
/// The export cannot be set up, or the system refuses a thread.
pub fn start(settings: &Settings) -> Result<Log, String> {
    let level = settings.log_level;
    let libraries = LevelFilter::from_level(level).min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_target("polytomic_shim", level)
        .with_target(ALWAYS, level.max(Level::INFO))
        .with_default(libraries);
    let (spans, export) = otlp::layer(settings)?;
    let lines = Lines::start(std::io::stderr()).map_err(|error| error.to_string())?;
    let format = settings.log_format;
    let colours = format == LogFormat::Human && std::io::stderr().is_terminal();
    let layer = Format { lines: lines.clone(), format, colours };
    // A second start, as tests may cause, leaves the first one in place.
    let _ = tracing_subscriber::registry().with(filter).with(spans).with(layer).try_init();
    Ok(Log { lines, export })
}
