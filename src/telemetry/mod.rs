//! What operators see: log lines, and metrics.

mod account;
mod format;
mod histogram;
mod lines;
mod log;
mod metrics;
mod otlp;
mod rollout;
mod versions;

pub use account::{Account, Ending, Meters, StatusClass};
pub use histogram::Histogram;
pub use log::{ALWAYS, Log, start};
pub use metrics::{CONTENT_TYPE, Limit, Metrics};
pub use otlp::{continue_trace, pass_on_trace, tell_status};
pub use rollout::{RolloutMetrics, RuleMeters};
