//! `grafolean flow`: flows by hand, sent (`send`), shown as they arrive or of a capture (`tail`), asked for where a bot
//! kept them (`query`); and who sends them (`exporters`).

mod capture;
mod cell;
mod columns;
mod exporters;
mod fragments;
mod named;
mod query;
mod resolve;
mod send;
mod tail;
mod verdicts;

use crate::{arguments::FlowCommand, config::Config, failure::Outcome};

/// Does what is asked with flows.
pub(crate) async fn run(flow: FlowCommand, config: &Config) -> anyhow::Result<Outcome> {
    match flow {
        FlowCommand::Send(send) => send::run(&send).await,
        FlowCommand::Tail(tail) => tail::run(tail, config).await,
        FlowCommand::Exporters(exporters) => exporters::run(&exporters, config),
        FlowCommand::Query(query) => query::run(query, config),
    }
}
