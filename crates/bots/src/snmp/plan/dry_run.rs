//! A run without a device: what would be asked of one that has all it is asked for, and tables of a given length.

use super::{Dialect, Limits, Poll, Wanted};
use crate::snmp::{Moment, Oid, Request, Value, Varbind, settings::PollPolicy};

/// What would be asked, in its order.
///
/// ```
/// use grafolean_bots::snmp::{
///     plan::{Dialect, Limits, Wanted, dry_run},
///     settings::PollPolicy,
/// };
///
/// let mut wanted = Wanted::default();
/// for column in [2, 10, 16] {
///     wanted.walk(format!("1.3.6.1.2.1.2.2.1.{column}").parse()?);
/// }
/// let uptime = "1.3.6.1.2.1.1.3.0".parse()?;
/// let requests = dry_run(&wanted, uptime, Dialect::Bulk, Limits::default(), PollPolicy::default(), 48);
/// // The uptime, twenty rows, then the other 28 with what stands behind them.
/// assert_eq!(requests.len(), 3);
/// # Ok::<(), grafolean_bots::snmp::OidError>(())
/// ```
pub fn dry_run(
    wanted: &Wanted,
    small: Oid,
    dialect: Dialect,
    limits: Limits,
    policy: PollPolicy,
    rows: u32,
) -> Vec<Request> {
    let tables: Vec<Oid> = wanted.tables().into_iter().flatten().collect();
    let mut poll = Poll::new(wanted, small, dialect, limits, policy);
    let mut requests = Vec::new();
    while let Some(request) = poll.next_request() {
        poll.take(Ok(answer(&request, &tables, rows)), Moment::default());
        requests.push(request);
    }
    requests
}

fn answer(request: &Request, tables: &[Oid], rows: u32) -> Vec<Varbind> {
    let some = |oid| Varbind { oid, value: Ok(Value::Integer(0)) };
    match request {
        Request::Get(oids) => oids.iter().cloned().map(some).collect(),
        Request::Next(oids) => oids.iter().map(|oid| some(next(oid, tables, rows))).collect(),
        Request::Bulk { oids, repetitions } => {
            let mut cursors = oids.clone();
            let mut varbinds = Vec::new();
            for _ in 0..*repetitions {
                for cursor in &mut cursors {
                    *cursor = next(cursor, tables, rows);
                    varbinds.push(some(cursor.clone()));
                }
            }
            varbinds
        }
    }
}

/// The row after an object of one of the tables, else an object behind the table.
fn next(after: &Oid, tables: &[Oid], rows: u32) -> Oid {
    let below = tables.iter().find_map(|root| Some((root, after.below(root)?)));
    let next = below.and_then(|(root, index)| {
        let row = index.first().map_or(1, |row| row.saturating_add(1));
        let arcs = root.arcs();
        let behind = || {
            let (last, before) = arcs.split_last()?;
            Some([before, &[last.saturating_add(1), 0]].concat())
        };
        Oid::new(if row <= rows { [arcs, &[row]].concat() } else { behind()? }).ok()
    });
    next.unwrap_or_else(|| after.clone())
}
