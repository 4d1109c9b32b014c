//! Log lines: to standard error, as text or as JSON.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::LogFormat;

/// The target of lines that are logged whatever the level is.
pub const ALWAYS: &str = "polytomic_shim::start";

/// Starts logging. Standard output stays free for what commands print.
///
/// The libraries underneath never log below `warn`: at `trace` some print whole header maps, and
/// no level may make a credential readable.
pub fn start(level: Level, format: LogFormat) {
    let libraries = LevelFilter::from_level(level).min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_target("polytomic_shim", level)
        .with_target(ALWAYS, level.max(Level::INFO))
        .with_default(libraries);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // A second start, as tests may cause, leaves the first one in place.
    let _ = match format {
        LogFormat::Human => {
            // Colour codes would stand inside `field=value`, where programs look for fields.
            let colours = std::io::stderr().is_terminal();
            registry.with(layer.with_ansi(colours)).try_init()
        }
        LogFormat::Json => registry
            .with(layer.json().flatten_event(true).with_current_span(true).with_span_list(false))
            .try_init(),
    };
}
