//! What is logged on this thread, as text.
//!
//! One subscriber serves the whole process, since `tracing` caches for all threads who listens to a line of code;
//! what it writes goes to the thread that wrote it. A test's runtime has one thread.

use std::{cell::RefCell, io, marker::PhantomData, sync::Once};

use tracing::Level;

thread_local! {
    static WRITTEN: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Captures what this thread logs, down to TRACE, until it is dropped.
pub(crate) struct Logs(PhantomData<*const ()>);

impl Logs {
    pub(crate) fn capture() -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let all = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false);
            tracing::subscriber::set_global_default(all.with_writer(|| ThisThread).finish()).unwrap();
        });
        WRITTEN.set(Some(Vec::new()));
        Self(PhantomData)
    }

    pub(crate) fn text(&self) -> String {
        WRITTEN.with_borrow(|written| String::from_utf8(written.clone().unwrap()).unwrap())
    }

    /// How many lines hold `part`.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.text().lines().filter(|line| line.contains(part)).count()
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        WRITTEN.set(None);
    }
}

struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.as_mut().map(|it| it.extend_from_slice(text)));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
