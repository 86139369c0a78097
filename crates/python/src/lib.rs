//! The engine of the Python package `grafoleancollector`: configuration, schedule, run loop, spool and delivery of
//! `grafolean-collector`, for jobs that are Python functions.
//!
//! `engine` is what Python holds: it reads the configuration, takes plans and values, and owns the runtime. `post` is the
//! way of values: a spool, those that earlier processes left, and their delivery. `bot` hands a run to a `workers`
//! thread, which calls Python; `report` makes reports of what a run sent. `configuration` is what a bot is told of its
//! devices, `logs` carries our log lines to Python's `logging`, `failure` is how errors look there.
//!
//! Whatever waits here waits without the interpreter's lock.

mod bot;
mod configuration;
mod engine;
mod failure;
mod logs;
mod post;
mod report;
mod workers;

/// The names that the package's Python part imports.
#[pyo3::pymodule]
mod _engine {
    #[pymodule_export]
    use super::bot::Done;
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::failure::BackendError;
    #[pymodule_export]
    use super::logs::{log_lines, stop_logging};
}
