//! The interfaces of a device, brought in step with what it tells.

use grafolean_collector::{bot::Run, report::Report};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    SnmpTask,
    device::Device,
    troubles::{Ended, Subject},
};
use crate::snmp::{
    Column, Interfaces, Oid,
    plan::{Missing, PollResult},
};

/// The device's interfaces, if it told which there are. Each other cell costs only itself: what was not told this time is as
/// it was. An agent that tells of no interface has not said that there is none: it answered through one.
pub(super) fn interfaces(device: &mut Device, run: &Run<SnmpTask>, result: &PollResult) -> Option<Report> {
    let SnmpTask { account, entity, ref name, ref host, .. } = *run.task;
    let mut interfaces = Interfaces::default();
    let mut lacking = Vec::new();
    let columns: Vec<_> = Column::ALL
        .into_iter()
        .filter_map(|column| Some((column, result.column(&Oid::new(column.arcs()).ok()?)?)))
        .collect();
    for (column, walked) in &columns {
        for row in &walked.rows {
            interfaces.put(*column, &row.index, &row.value);
        }
        lacking.extend(walked.end.as_ref().err().map(|why| format!("{column:?}: {why}")));
    }
    let is_known =
        columns.iter().any(|(column, walked)| *column == Column::Description && walked.end.is_ok());
    let trouble = lacking.join("; ");
    if lacking.is_empty() {
        if device.troubles.end(Subject::Interfaces) == Ended::Last {
            info!(%entity, name, %host, "device is measured completely again");
        }
    } else if device.troubles.is_news(Subject::Interfaces, &trouble, Instant::now()) {
        let what = if is_known {
            "interfaces are brought in step without some of their cells"
        } else {
            "interfaces are not brought in step: which there are did not come whole"
        };
        warn!(%entity, name, %host, missing = trouble, "{what}");
    }
    if !is_known {
        return None;
    }
    for (column, walked) in columns {
        let is_absent = |index| matches!(walked.hole(&[index]), Some(Missing::Exception(_)));
        interfaces.keep_known(column, &device.interfaces, |index| walked.end.is_ok() || is_absent(index));
    }
    device.memory.speeds = interfaces.ceilings_bps().collect();
    let report =
        (!interfaces.is_empty()).then(|| Report::Children(interfaces.children(account, entity, run.due)));
    device.interfaces = interfaces;
    report
}
