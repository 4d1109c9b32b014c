//! Log lines: to standard error, as text or as JSON.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::otlp::{self, Export};
use crate::settings::{LogFormat, Settings};

/// The target of lines that are logged whatever the level is.
pub const ALWAYS: &str = "polytomic_shim::start";

/// What layers stand on.
pub(super) type Filtered = Layered<Targets, Registry>;

/// Starts logging, and exporting spans where that is configured. Standard output stays free for
/// what commands print. Called within a runtime.
///
/// The libraries underneath never log below `warn`: at `trace` some print whole header maps, and
/// no level may make a credential readable.
///
/// # Errors
/// The export cannot be set up.
pub fn start(settings: &Settings) -> Result<Export, String> {
    let level = settings.log_level;
    let libraries = LevelFilter::from_level(level).min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_target("polytomic_shim", level)
        .with_target(ALWAYS, level.max(Level::INFO))
        .with_default(libraries);
    let (spans, export) = otlp::layer(settings)?;
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter).with(spans);
    // A second start, as tests may cause, leaves the first one in place.
    let _ = match settings.log_format {
        LogFormat::Human => {
            // Colour codes would stand inside `field=value`, where programs look for fields.
            let colours = std::io::stderr().is_terminal();
            registry.with(layer.with_ansi(colours)).try_init()
        }
        LogFormat::Json => registry
            .with(layer.json().flatten_event(true).with_current_span(true).with_span_list(false))
            .try_init(),
    };
    Ok(export)
}
