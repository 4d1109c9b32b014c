//! The threads that serve clients, each with a runtime of its own.
//!
//! A connection stays with the thread it was given to, and so do its requests, its timers and the
//! upstream connections that it uses: nothing wakes another thread, and no queue of tasks is
//! shared. Prototypes of a plain call took 2 to 4 us more on one runtime with several threads.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Threads that run what is given to them until this is dropped.
pub(super) struct Workers(Vec<Worker>);

struct Worker {
    runtime: Handle,
    /// Held once more by each task that the thread has been given and not finished.
    load: Arc<()>,
    thread: Option<JoinHandle<()>>,
    // Dropped, it ends the thread.
    end: Option<oneshot::Sender<()>>,
}

impl Workers {
    /// Starts `count` threads, one at least.
    ///
    /// # Errors
    /// The system refuses a thread, or the means of waiting for sockets.
    pub(super) fn start(count: usize) -> io::Result<Self> {
        (0..count.max(1)).map(Worker::start).collect::<io::Result<_>>().map(Self)
    }

    /// Runs a task on the thread that has the fewest; `tasks` keeps it.
    pub(super) fn spawn(
        &self,
        tasks: &mut JoinSet<()>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let least = self.0.iter().min_by_key(|worker| Arc::strong_count(&worker.load));
        let Some(worker) = least else { return };
        let load = worker.load.clone();
        tasks.spawn_on(Loading { task: Box::pin(task), _load: load }, &worker.runtime);
    }
}

/// A task that counts as its thread's load for as long as it is there. In a box, since a task that
/// waits for another one would hold it twice.
struct Loading<F> {
    task: Pin<Box<F>>,
    _load: Arc<()>,
}

impl<F: Future<Output = ()>> Future for Loading<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.task.as_mut().poll(context)
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name(format!("worker-{number}"));
        let thread = thread.spawn(move || {
            let _ = runtime.block_on(ended);
            // A name look-up that nobody waits for any more must not hold up the end.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, load: Arc::default(), thread: Some(thread), end: Some(end) })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            worker.end.take();
        }
        for worker in &mut self.0 {
            if let Some(thread) = worker.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_spread_over_all_threads_and_end_with_them() {
        let workers = Workers::start(3).unwrap();
        let mut tasks = JoinSet::new();
        let (names, mut told) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..6 {
            let names = names.clone();
            workers.spawn(&mut tasks, async move {
                let _ = names.send(std::thread::current().name().map(str::to_owned));
                std::future::pending::<()>().await;
            });
        }
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(told.recv().await.unwrap().unwrap());
        }
        seen.sort();
        let expected = ["worker-0", "worker-0", "worker-1", "worker-1", "worker-2", "worker-2"];
        assert_eq!(seen, expected);
        drop(workers);
        assert!(tasks.join_next().await.unwrap().is_err());
    }
}
