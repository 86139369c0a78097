//! The engine of the Python package `grafoleancollector`: configuration, schedule, run loop, spool and delivery of
//! `grafolean-collector`, for jobs that are Python functions.
//!
//! `engine` is what Python holds: it reads the configuration, takes plans and values, and owns the runtime. `spools` is the
//! way of values: a spool, those that earlier processes left, and their delivery. `bot` puts a run that is due into a
//! `queue`, from which Python's workers take it; `report` makes reports of what a run returned. `configuration` is what a
//! bot is told of its devices, `logs` carries our log lines to Python's `logging`, `failure` is how errors look there,
//! `settings` what the environment, `.env` and `grafolean.toml` say.
//!
//! Whatever waits here waits without the interpreter's lock.

mod bot;
mod configuration;
mod engine;
mod failure;
mod logs;
mod queue;
mod report;
mod settings;
mod spools;

/// The names that the package's Python part imports.
#[pyo3::pymodule]
mod _engine {
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::failure::BackendError;
    #[pymodule_export]
    use super::logs::LogLines;
    #[pymodule_export]
    use super::queue::{RunEnd, RunQueue};
    #[pymodule_export]
    use super::settings::{Settings, SettingsError};

    /// The version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
