//! Why a run did not end as it should.

use std::{any::Any, time::Duration};

use thiserror::Error;

use crate::{bot::BotError, sink::SinkError};

/// Why a run did not end as it should.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Bot(#[from] BotError),
    #[error("not done within its deadline of {0:?}")]
    Deadline(Duration),
    #[error("panicked: {0}")]
    Panic(String),
    #[error("measured, but its reports are not safe")]
    Sink(#[from] SinkError),
    #[error("still going on when the grace of {0:?} ended")]
    Stopped(Duration),
}

impl Failure {
    /// The word under which it is counted.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Bot(error) => error.kind,
            Self::Deadline(_) => "deadline",
            Self::Panic(_) => "panic",
            Self::Sink(_) => "sink",
            Self::Stopped(_) => "stopped",
        }
    }
}

/// Returns what a panic said.
pub(super) fn words_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".to_owned())
}
