//! Where reports of a dry run go: a line for each value.

use std::io::{self, Write};

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Sink, SinkError};
use crate::{
    model::{AccountId, Sample},
    report::{Report, Values},
};

/// Prints what would be sent as JSON lines on stdout: `{"account":1,"t":1700000000.0,"p":"a.b","v":1.0}`.
#[derive(Clone, Debug)]
pub struct JsonLines {
    /// Ends the bot when nobody reads the lines any more.
    pub stop: CancellationToken,
}

#[derive(Serialize)]
struct Line<'a> {
    account: AccountId,
    t: f64,
    p: &'a str,
    v: f64,
}

impl Sink for JsonLines {
    async fn accept(&self, reports: Vec<Report>) -> Result<(), SinkError> {
        let count = reports.len();
        // One write for a run, so that the lines of runs side by side never mix.
        let mut lines = Vec::new();
        reports.iter().for_each(|report| print(&mut lines, report));
        match io::stdout().lock().write_all(&lines) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.stop.cancel();
                Ok(())
            }
            written => written.map_err(|error| SinkError { reports: count, source: error.into() }),
        }
    }
}

fn print(lines: &mut Vec<u8>, report: &Report) {
    match report {
        Report::Values(values) => print_values(lines, values),
        Report::Children(it) => {
            info!(account = %it.account, parent = %it.parent, children = it.children.len(), "would keep children in step");
        }
        Report::Suggestions(it) => {
            info!(account = %it.account, entities = it.entities.len(), "would suggest entities");
        }
        Report::Events(it) => {
            info!(account = %it.account, events = it.events.len(), "would tell of events");
        }
    }
}

fn print_values(lines: &mut Vec<u8>, Values { account, time, values }: &Values) {
    for (path, value) in values {
        match Sample::checked(path, *time, *value) {
            Ok(sample) => {
                let line = Line {
                    account: *account,
                    t: time.as_seconds_f64(),
                    p: sample.path.as_str(),
                    v: sample.value,
                };
                // Writing to memory, numbers and texts only: it cannot fail.
                if serde_json::to_writer(&mut *lines, &line).is_ok() {
                    lines.push(b'\n');
                }
            }
            Err(error) => warn!(%error, "a value would not be sent"),
        }
    }
}
