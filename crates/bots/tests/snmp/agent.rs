//! An agent that exists only as data, and misbehaves as it is told.

use std::collections::BTreeMap;

use grafolean_bots::snmp::{
    AskError, Exception, Moment, Oid, Request, Status, Value, Varbind,
    plan::{Dialect, Limits, Poll, PollResult, Wanted},
    settings::PollPolicy,
};

pub(crate) const UPTIME: &str = "1.3.6.1.2.1.1.3.0";

/// Arcs of a column of a table as tests have them: 1.3.6.1.2.1.2.2.1.c.
const COLUMN_ARCS: usize = 10;

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
    /// Every n-th request is lost.
    pub(crate) lose_every: Option<u32>,
    /// Nothing is answered from the n-th request on.
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
    /// A GET for an object that it does not have is met by silence.
    pub(crate) silent_to_unknown: bool,
    /// A GET for an object that it does not have is answered without that object.
    pub(crate) leaves_out_unknown: bool,
    /// How it stumbles over objects.
    pub(crate) stumbles: AgentFault,
}

/// How an agent stumbles over an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AgentFault {
    #[default]
    GenErr,
    TooBig,
    Silent,
}

/// How an agent takes a GETBULK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bulk {
    #[default]
    Answered,
    Silent,
    Error,
    /// Leaves out columns that have ended.
    DropsEnded,
    /// Returns all rows of the first column, then all of the second.
    ColumnByColumn,
    /// Knows the first column only.
    FirstColumn,
}

/// An agent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agent {
    pub(crate) objects: BTreeMap<Oid, Value>,
    /// Objects over which it stumbles.
    pub(crate) broken: Vec<Oid>,
    /// Objects that follow each other in its walks, whatever their order.
    pub(crate) chain: Vec<Oid>,
    /// Rows that are there without a value.
    pub(crate) hollow: Vec<Oid>,
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
        if let Request::Get(oids) = request
            && faults.silent_to_unknown
            && oids.iter().any(|oid| !self.objects.contains_key(oid))
        {
            return Err(AskError::Timeout);
        }
        let mut varbinds: Vec<Varbind> = match request {
            Request::Get(oids) if faults.leaves_out_unknown => {
                oids.iter().filter(|oid| self.objects.contains_key(oid)).map(|oid| self.get(oid)).collect()
            }
            Request::Get(oids) => oids.iter().map(|oid| self.get(oid)).collect(),
            Request::Next(oids) => oids.iter().map(|oid| self.next(oid)).collect(),
            Request::Bulk { oids, repetitions } => self.bulk(oids, *repetitions),
        };
        if let Some(place) = varbinds.iter().position(|varbind| self.broken.contains(&varbind.oid)) {
            let index = if faults.hides_culprit { 0 } else { place + 1 };
            match faults.stumbles {
                AgentFault::GenErr => {}
                AgentFault::TooBig => return Err(AskError::Status { status: Status::TooBig, index: 0 }),
                AgentFault::Silent => return Err(AskError::Timeout),
            }
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
        let in_chain = self.chain.iter().position(|known| known == oid);
        let root_of_chain =
            self.chain.first().is_some_and(|first| first.below(oid).is_some_and(|it| it.len() == 1));
        let next = match in_chain {
            Some(place) => self.chain.get(place + 1),
            None => self.chain.first().filter(|_| root_of_chain),
        };
        if let Some(next) = next {
            return self.get(next);
        }
        // Behind the chain comes what lies behind all of it.
        let oid = if in_chain.is_some() { self.chain.iter().max().unwrap() } else { oid };
        if let Some(hollow) = self.hollow.iter().filter(|hollow| *hollow > oid).min()
            && self
                .objects
                .range(oid..)
                .find(|(found, _)| *found != oid)
                .is_none_or(|(found, _)| hollow < found)
        {
            return Varbind { oid: hollow.clone(), value: Err(Exception::NoSuchInstance) };
        }
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
        let mut rows = Vec::new();
        for _ in 0..repetitions {
            let row = cursors.iter().map(|cursor| self.next(cursor)).collect::<Vec<_>>();
            cursors = row.iter().map(|varbind| varbind.oid.clone()).collect();
            rows.push(row);
        }
        match self.faults.bulk {
            Bulk::DropsEnded => {
                let has_column = |column: usize, varbind: &Varbind| {
                    varbind.oid.arcs().starts_with(&oids[column].arcs()[..COLUMN_ARCS])
                };
                let kept = |row: Vec<Varbind>| {
                    row.into_iter()
                        .enumerate()
                        .filter(|(column, it)| has_column(*column, it))
                        .map(|(_, it)| it)
                };
                let mut all = Vec::new();
                rows.into_iter().for_each(|row| all.extend(kept(row)));
                all
            }
            Bulk::ColumnByColumn => {
                let column = |column: usize| rows.iter().map(move |row| row[column].clone());
                (0..oids.len()).flat_map(column).collect()
            }
            Bulk::FirstColumn => rows.into_iter().filter_map(|row| row.into_iter().next()).collect(),
            _ => rows.into_iter().flatten().collect(),
        }
    }
}

/// Runs a poll against an agent to its end.
pub(crate) fn poll(agent: &mut Agent, wanted: &Wanted, limits: Limits, policy: PollPolicy) -> PollResult {
    let dialect = if agent.faults.v1 { Dialect::Next } else { Dialect::Bulk };
    let mut poll = Poll::new(wanted, oid(UPTIME), dialect, limits, policy);
    while let Some(request) = poll.next_request() {
        let answer = agent.answer(&request);
        poll.take(answer, Moment::new(1, 1_000_000 * agent.requests.len() as u64));
        assert!(agent.requests.len() < 20_000, "a run without an end");
    }
    poll.into_result()
}
