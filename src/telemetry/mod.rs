//! What operators see: log lines, and metrics.

mod account;
mod histogram;
mod log;
mod metrics;
#[cfg_attr(not(feature = "otlp"), path = "no_otlp.rs")]
mod otlp;
mod rollout;
mod versions;

pub use account::{Account, Ending, Meters, StatusClass};
pub use histogram::Histogram;
pub use log::{ALWAYS, start};
pub use metrics::{CONTENT_TYPE, Limit, Metrics};
pub use otlp::{Export, continue_trace, pass_on_trace};
pub use rollout::{RolloutMetrics, RuleMeters};
