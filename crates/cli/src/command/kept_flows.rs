//! Raw flows of this machine's NetFlow bot, as the hub's page asks them.

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use grafolean_hub::flows::{
    FlowAnswer, FlowArchive, FlowArchiveError, FlowGroup, FlowProgress, FlowQuestion, FlowSums, KeptFlows,
};
use grafolean_netflow::{
    archive::Catalog,
    query::{By, Filter, FlowTime, Order, Progress, Query, QueryError, Sums, ask},
};

/// How often the progress is handed on.
const TICK: Duration = Duration::from_millis(20);

/// The archive in a folder, which need not be there yet.
#[derive(Debug)]
pub(super) struct FlowFolder(pub(super) PathBuf);

impl FlowArchive for FlowFolder {
    fn kept(&self) -> Result<Option<KeptFlows>, FlowArchiveError> {
        if !self.0.is_dir() {
            return Ok(None);
        }
        let catalog = Catalog::read(&self.0).map_err(|error| FlowArchiveError::Failed(error.to_string()))?;
        let stored = || catalog.files.iter().chain(&catalog.pieces);
        let oldest = stored().map(|one| one.start).min();
        Ok(oldest.map(|from| KeptFlows {
            from: from.as_seconds_f64(),
            bytes: stored().map(|one| one.bytes).sum(),
            files: stored().count(),
        }))
    }

    fn ask(&self, asked: &FlowQuestion, progress: &FlowProgress) -> Result<FlowAnswer, FlowArchiveError> {
        let query = query(asked)?;
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let own = Arc::new(Progress::default());
        let answered = thread::scope(|scope| {
            let told = Arc::clone(&own);
            let asking = scope.spawn(move || ask(&self.0, &query, threads, &told));
            while !asking.is_finished() {
                progress.bytes.store(own.bytes.load(Relaxed), Relaxed);
                progress.done.store(own.done.load(Relaxed), Relaxed);
                own.stop.store(progress.stop.load(Relaxed), Relaxed);
                thread::park_timeout(TICK);
            }
            asking.join().unwrap_or(Err(QueryError::Panicked))
        });
        let answer = answered.map_err(|error| FlowArchiveError::Failed(error.to_string()))?;
        let sums = |Sums { bytes, packets, flows }: Sums| FlowSums { bytes, packets, flows };
        let groups = answer.groups.into_iter();
        Ok(FlowAnswer {
            groups: groups.map(|group| FlowGroup { key: group.key, sums: sums(group.sums) }).collect(),
            groups_in_all: answer.groups_in_all,
            total: sums(answer.total),
            scanned: answer.scanned.flows,
        })
    }
}

/// Reads a question. What is typed has to be a filter by itself, so that it cannot reach beyond its exporters.
fn query(asked: &FlowQuestion) -> Result<Query, FlowArchiveError> {
    let parsed =
        |text: &str| Filter::parse(text).map_err(|error| FlowArchiveError::Question(error.to_string()));
    let typed = asked.filter.trim();
    parsed(typed)?;
    let exporters: Vec<_> = asked.exporters.iter().map(ToString::to_string).collect();
    let of_these = format!("exporter in [{}]", exporters.join(" "));
    let filter =
        if typed.is_empty() { parsed(&of_these)? } else { parsed(&format!("({typed}) and {of_these}"))? };
    let by = asked.by.iter().filter(|name| !name.is_empty()).map(|name| By::parse(name));
    let by =
        by.collect::<Result<Vec<_>, _>>().map_err(|error| FlowArchiveError::Question(error.to_string()))?;
    Ok(Query {
        filter,
        from: asked.from,
        to: asked.to,
        time: FlowTime::Received,
        by,
        top: asked.top,
        order: Order::Bytes,
        unscaled: false,
        timed: false,
    })
}

#[cfg(test)]
mod tests {
    use grafolean_collector::time::Timestamp;

    use super::*;

    fn asked(filter: &str, by: &[&str]) -> FlowQuestion {
        FlowQuestion {
            filter: filter.to_owned(),
            exporters: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            by: by.iter().map(|&name| name.to_owned()).collect(),
            from: Timestamp::from_seconds(0),
            to: Timestamp::from_seconds(60),
            top: 10,
        }
    }

    #[test]
    fn a_question_never_reaches_beyond_its_exporters() {
        for typed in ["any) or (any", "any)", "(any", "any) or any or (any"] {
            assert!(query(&asked(typed, &[])).is_err(), "{typed}");
        }
        for (typed, whole) in [
            ("", "exporter in [192.0.2.1 2001:db8::1]"),
            ("any", "(any) and exporter in [192.0.2.1 2001:db8::1]"),
            ("port 443 or port 80", "(port 443 or port 80) and exporter in [192.0.2.1 2001:db8::1]"),
            ("not exporter 192.0.2.1", "(not exporter 192.0.2.1) and exporter in [192.0.2.1 2001:db8::1]"),
        ] {
            assert_eq!(query(&asked(typed, &[])).unwrap().filter, Filter::parse(whole).unwrap(), "{typed}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let wrong = |filter, by: &[&str]| query(&asked(filter, by)).unwrap_err().to_string();
        assert!(wrong("port banana", &[]).contains("banana"));
        assert!(wrong("", &["colour"]).contains("colour"));
    }
}
