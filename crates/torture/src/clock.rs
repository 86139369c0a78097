//! Moments as the time since 1970, as values carry them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Parses a time of the API, seconds with a fraction; `None` where it is no such time.
pub(crate) fn parse(seconds: f64) -> Option<Duration> {
    let exact = Duration::try_from_secs_f64(seconds).ok()?;
    // the API's times end at microseconds, a float's last bits do not
    let micros = (exact.as_nanos() + 500) / 1_000;
    u64::try_from(micros).ok().map(Duration::from_micros)
}

/// Watches how late this machine wakes what sleeps, and how long it takes to put a byte onto the disk: by so much a process
/// may be late without a fault of its own.
pub(crate) struct Lateness {
    worst: std::sync::Arc<std::sync::Mutex<Vec<(Duration, Duration)>>>,
}

const STEP: Duration = Duration::from_millis(50);

impl Lateness {
    /// Begins to watch, until the process ends.
    pub(crate) fn watch(folder: std::path::PathBuf) -> Self {
        let worst = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = std::sync::Arc::clone(&worst);
        std::thread::spawn(move || {
            loop {
                let began = std::time::Instant::now();
                std::thread::sleep(STEP);
                // a folder that is gone means that the run is over
                let Ok(file) = std::fs::File::create(folder.join("lateness")) else { return };
                let _ = std::io::Write::write_all(&mut &file, b"x").and_then(|()| file.sync_all());
                let late = began.elapsed().saturating_sub(STEP);
                if late > STEP {
                    seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((now(), late));
                }
            }
        });
        Self { worst }
    }

    /// Returns the most by which the machine was late between two moments.
    pub(crate) fn between(&self, from: Duration, to: Duration) -> Duration {
        let worst = self.worst.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let near = |(when, late): &&(Duration, Duration)| *when >= from && *when <= to + *late;
        worst.iter().filter(near).map(|(_, late)| *late).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_to_the_microsecond() {
        assert_eq!(parse(1_700_000_000.25), Some(Duration::from_millis(1_700_000_000_250)));
        assert_eq!(parse(1_795_332_424.000_001), Some(Duration::from_micros(1_795_332_424_000_001)));
        assert_eq!(parse(-1.0), None);
        assert_eq!(parse(f64::NAN), None);
    }
}
