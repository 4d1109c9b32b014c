//! Where log lines are written: to standard error, many at once.
//!
//! A line for each request is worth a system call for each only when somebody waits for it. Lines
//! are collected for up to [`PAUSE`], and go out at once where they tell of trouble. What a killed
//! process can lose are the lines of that time, of level `info` and below.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a line may wait for others.
const PAUSE: Duration = Duration::from_millis(50);
/// Collected bytes that go out without waiting any longer.
const FULL: usize = 64 << 10;

/// Collects lines; clones share them.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    some: Condvar,
}

struct Waiting {
    bytes: Vec<u8>,
    to: Box<dyn Write + Send>,
}

impl Waiting {
    fn flush(&mut self) {
        // Where nobody can read the log, there is nobody to tell either.
        let _ = self.to.write_all(&self.bytes).and_then(|()| self.to.flush());
        self.bytes.clear();
    }
}

impl Lines {
    /// Lines that go out to `to`, from a thread of their own.
    ///
    /// # Errors
    /// The system refuses the thread.
    pub(super) fn start(to: impl Write + Send + 'static) -> io::Result<Self> {
        let waiting = Waiting { bytes: Vec::with_capacity(FULL / 4), to: Box::new(to) };
        let shared = Arc::new(Shared { waiting: Mutex::new(waiting), some: Condvar::new() });
        let lines = Self(shared);
        let own = lines.clone();
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || own.flush_now_and_then())?;
        Ok(lines)
    }

    /// Takes a line; at once where it `is_urgent`, and all that wait with it.
    pub(super) fn write(&self, line: &[u8], is_urgent: bool) {
        let mut waiting = self.waiting();
        let was_empty = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        if is_urgent || waiting.bytes.len() >= FULL {
            waiting.flush();
        } else if was_empty {
            self.0.some.notify_one();
        }
    }

    /// Writes what is waiting.
    pub(super) fn flush(&self) {
        self.waiting().flush();
    }

    fn flush_now_and_then(&self) {
        loop {
            let waiting = self.waiting();
            let some = self.0.some.wait_while(waiting, |waiting| waiting.bytes.is_empty());
            drop(some);
            std::thread::sleep(PAUSE);
            self.flush();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Keeps what is written, each time by itself.
    #[derive(Clone, Default)]
    pub(in super::super) struct Sink(Arc<Mutex<Vec<String>>>);

    impl Sink {
        pub(in super::super) fn text(&self) -> String {
            self.0.lock().unwrap().concat()
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_wait_for_others_and_trouble_waits_for_nothing() {
        let sink = Sink::default();
        let lines = Lines::start(sink.clone()).unwrap();
        let write = |text: &str, is_urgent| lines.write(text.as_bytes(), is_urgent);
        write("a\n", false);
        write("b\n", false);
        write("c\n", true);
        assert_eq!(*sink.0.lock().unwrap(), ["a\nb\nc\n"]);
        write("d\n", false);
        // Nobody flushes; the thread does.
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while sink.0.lock().unwrap().len() < 2 && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(sink.0.lock().unwrap()[1], "d\n");
        write(&"x".repeat(FULL), false);
        assert_eq!(sink.0.lock().unwrap().len(), 3);
    }
}
