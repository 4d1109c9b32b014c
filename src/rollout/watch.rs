//! The rollout file, read again when it changes.

use std::sync::Arc;
use std::time::Duration;

use super::load::{parse, read};
use crate::exchange::Translator;
use crate::rules::Finding;
use crate::server::Live;
use crate::settings::RolloutSource;

/// How often the file is looked at. Its text is compared, not its time: a mounted ConfigMap
/// changes by a link to another folder, and an editor may write a file twice.
const LOOK: Duration = Duration::from_secs(2);

/// Puts the rollout file in force whenever its text changes and is good, for as long as it is
/// polled. A bad one is logged once, and what was in force stays so.
pub async fn watch(live: Arc<Live>, translator: Arc<Translator>) {
    let mut last = text(&live).await;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = text(&live).await;
        if now == last {
            continue;
        }
        last.clone_from(&now);
        let (Some((file, text)), settings) = (now, live.settings()) else { continue };
        let rules = translator.rules();
        let salted = settings.fingerprint_salt.is_some();
        let plan = text.and_then(|text| parse(&file, &text, &rules, salted));
        let rollout = translator.rollout();
        match plan {
            Ok(plan) => {
                rollout.adopt(plan, &rules, &settings);
                tracing::info!(file, "the rollout file changed and is in force");
            }
            Err(findings) => {
                for finding in &findings {
                    tracing::error!(%finding, "the rollout file is not put in force");
                }
                let count = findings.len();
                let mistakes = if count == 1 { "mistake" } else { "mistakes" };
                let what = format!(
                    "the file has {count} {mistakes}; what was in force before stays (see the log)"
                );
                rollout.book().note(None, "file", what);
            }
        }
    }
}

/// Name and text of the file in use; none where there is no file.
async fn text(live: &Live) -> Option<(String, Result<String, Vec<Finding>>)> {
    let settings = live.settings();
    let Some(RolloutSource::File(path)) = settings.rollout.clone() else { return None };
    let file = path.display().to_string();
    let text = tokio::task::spawn_blocking(move || read(&path)).await;
    Some((file, text.unwrap_or_else(|_| Err(Vec::new()))))
}
