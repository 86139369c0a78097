//! `grafolean flow`: flows by hand, sent (`send`) and shown as they arrive (`tail`).

mod send;
mod tail;

use crate::{arguments::FlowCommand, failure::Outcome};

/// Does what is asked with flows.
pub(crate) async fn run(flow: FlowCommand) -> anyhow::Result<Outcome> {
    match flow {
        FlowCommand::Send(send) => send::run(&send).await,
        FlowCommand::Tail(tail) => tail::run(tail).await,
    }
}
