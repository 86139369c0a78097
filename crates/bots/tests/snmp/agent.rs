//! An agent that exists only as data, and misbehaves as it is told.

use std::collections::BTreeMap;

use grafolean_bots::snmp::{
    AskError, Exception, Oid, Request, Status, Value, Varbind,
    plan::{Dialect, Harvest, Limits, Poll, Wanted},
    settings::Manners,
};
use grafolean_collector::time::Timestamp;

pub(crate) const UPTIME: &str = "1.3.6.1.2.1.1.3.0";

pub(crate) fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// What an agent does wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Answers of more objects are `tooBig`.
    pub(crate) too_big_above: Option<usize>,
    /// Answers of more objects are cut short, as RFC 3416 allows for GETBULK.
    pub(crate) cut_above: Option<usize>,
    /// Requests for more objects are lost.
    pub(crate) lost_above: Option<usize>,
    /// Every so manieth request is lost.
    pub(crate) lose_every: Option<u32>,
    /// Nothing is answered from the so manieth request on.
    pub(crate) silent_from: Option<u32>,
    /// After the last object the first one comes again.
    pub(crate) loops: bool,
    /// Speaks v1: no exceptions, an unknown object is an error.
    pub v1: bool,
    /// Does not say about which object an error is.
    pub(crate) hides_culprit: bool,
    /// How it takes a GETBULK.
    pub(crate) bulk: Bulk,
    /// Behind the last object it says that it has no such one.
    pub(crate) wrong_end: bool,
}

/// How an agent takes a GETBULK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bulk {
    #[default]
    Answered,
    Silent,
    Error,
}

/// An agent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agent {
    pub(crate) objects: BTreeMap<Oid, Value>,
    /// Objects over which it stumbles.
    pub(crate) broken: Vec<Oid>,
    pub(crate) faults: Faults,
    pub(crate) requests: Vec<Request>,
}

impl Agent {
    /// A device with a table of this many rows and columns: column `c`, row `r` holds `c * 1000 + r`.
    pub(crate) fn with_table(root: &str, columns: u32, rows: u32) -> Self {
        let mut agent = Self::default();
        agent.objects.insert(oid(UPTIME), Value::TimeTicks(100_000));
        for column in 1..=columns {
            for row in 1..=rows {
                agent
                    .objects
                    .insert(oid(&format!("{root}.{column}.{row}")), Value::Gauge32(column * 1000 + row));
            }
        }
        agent.objects.insert(oid("1.3.6.1.6.3.1.0"), Value::Integer(1));
        agent
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Result<Vec<Varbind>, AskError> {
        self.requests.push(request.clone());
        let number = u32::try_from(self.requests.len()).unwrap();
        let faults = self.faults;
        let is_lost = faults.lose_every.is_some_and(|every| number.is_multiple_of(every))
            || faults.silent_from.is_some_and(|from| number >= from)
            || faults.lost_above.is_some_and(|above| request.most_varbinds() > above);
        if is_lost {
            return Err(AskError::Timeout);
        }
        match (request, faults.bulk) {
            (Request::Bulk { .. }, Bulk::Silent) => return Err(AskError::Timeout),
            (Request::Bulk { .. }, Bulk::Error) => {
                return Err(AskError::Status { status: Status::GenErr, index: 0 });
            }
            _ => {}
        }
        let mut varbinds = match request {
            Request::Get(oids) => oids.iter().map(|oid| self.get(oid)).collect(),
            Request::Next(oids) => oids.iter().map(|oid| self.next(oid)).collect(),
            Request::Bulk { oids, repetitions } => self.bulk(oids, *repetitions),
        };
        if let Some(place) = varbinds.iter().position(|varbind| self.broken.contains(&varbind.oid)) {
            let index = if faults.hides_culprit { 0 } else { place + 1 };
            return Err(AskError::Status { status: Status::GenErr, index });
        }
        if faults.too_big_above.is_some_and(|above| varbinds.len() > above) {
            return Err(AskError::Status { status: Status::TooBig, index: 0 });
        }
        if faults.v1
            && let Some(place) = varbinds.iter().position(|varbind| varbind.value.is_err())
        {
            return Err(AskError::Status { status: Status::NoSuchName, index: place + 1 });
        }
        varbinds.truncate(faults.cut_above.unwrap_or(usize::MAX));
        Ok(varbinds)
    }

    fn get(&self, oid: &Oid) -> Varbind {
        let value = self.objects.get(oid).cloned().ok_or(Exception::NoSuchInstance);
        Varbind { oid: oid.clone(), value }
    }

    fn next(&self, oid: &Oid) -> Varbind {
        let mut after = self.objects.range(oid..).filter(|(found, _)| *found != oid);
        match after.next().or_else(|| self.faults.loops.then(|| self.objects.iter().next())?) {
            Some((oid, value)) => Varbind { oid: oid.clone(), value: Ok(value.clone()) },
            None if self.faults.wrong_end => {
                Varbind { oid: oid.clone(), value: Err(Exception::NoSuchInstance) }
            }
            None => Varbind { oid: oid.clone(), value: Err(Exception::EndOfMibView) },
        }
    }

    fn bulk(&self, oids: &[Oid], repetitions: u32) -> Vec<Varbind> {
        let mut cursors = oids.to_vec();
        let mut varbinds = Vec::new();
        for _ in 0..repetitions {
            for cursor in &mut cursors {
                let varbind = self.next(cursor);
                *cursor = varbind.oid.clone();
                varbinds.push(varbind);
            }
        }
        varbinds
    }
}

/// Runs a poll against an agent to its end.
pub(crate) fn poll(agent: &mut Agent, wanted: &Wanted, limits: Limits, manners: Manners) -> Harvest {
    let dialect = if agent.faults.v1 { Dialect::Next } else { Dialect::Bulk };
    let mut poll = Poll::new(wanted, oid(UPTIME), dialect, limits, manners);
    while let Some(request) = poll.next_request() {
        let answer = agent.answer(&request);
        poll.take(answer, Timestamp::from_seconds(i64::try_from(agent.requests.len()).unwrap()));
        assert!(agent.requests.len() < 20_000, "a run without an end");
    }
    poll.into_harvest()
}
