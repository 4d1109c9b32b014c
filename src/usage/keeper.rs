//! What happens to usage in the background: hours and days are filled, the state file is written.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Usage;
use super::state::State;

/// How often; also how much may be lost when a process is killed.
const OFTEN: Duration = Duration::from_secs(5);

/// The work in the background.
#[derive(Debug)]
pub struct Keeper {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Begins, with a state file where there is one. Called within a runtime.
    pub fn start(usage: Arc<Usage>, state: Option<State>) -> Self {
        let (end, ended) = oneshot::channel();
        Self { end, task: tokio::spawn(keep(usage, state.map(Arc::new), ended)) }
    }

    /// Writes what is left.
    pub async fn finish(self) {
        let _ = self.end.send(());
        let _ = self.task.await;
    }
}

async fn keep(usage: Arc<Usage>, state: Option<Arc<State>>, mut ended: oneshot::Receiver<()>) {
    let mut complained = false;
    loop {
        let is_over = tokio::time::timeout(OFTEN, &mut ended).await.is_ok();
        usage.look();
        if let Some(state) = &state {
            let (state, usage) = (state.clone(), usage.clone());
            // It waits for the disk: not on a thread that serves.
            let written = tokio::task::spawn_blocking(move || state.write(&usage)).await;
            let written = written.map_err(|error| error.to_string());
            let written = written.and_then(|written| written.map_err(|error| error.to_string()));
            report(written, &mut complained);
        }
        if is_over {
            return;
        }
    }
}

/// Says once that the file cannot be written, and once that it can be again.
fn report(written: Result<(), String>, complained: &mut bool) {
    match written {
        Err(error) if !*complained => {
            tracing::error!(%error, "usage is not kept");
            *complained = true;
        }
        Ok(()) if *complained => {
            tracing::info!("usage is kept again");
            *complained = false;
        }
        _ => {}
    }
}
