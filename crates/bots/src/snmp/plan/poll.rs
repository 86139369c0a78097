//! One run over a device, as a machine that says the next request and takes its answer.

mod probe;

use std::collections::{HashMap, VecDeque};

use super::{
    Limits, Missing, PollResult, Row, Wanted,
    columns::{Columns, Order},
};
use crate::snmp::{
    AskError, Exception, Moment, Oid, Request, Status, Value, Varbind,
    settings::{PollPolicy, WalkOrder},
};

/// How walks are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// v1: object by object.
    Next,
    /// v2c and v3: many rows in one packet.
    Bulk,
}

/// One run over a device. It is done when there is no next request.
#[derive(Debug)]
pub struct Poll {
    dialect: Dialect,
    policy: PollPolicy,
    /// The object by which a device that is silent to a big request is tried again: sysUpTime.
    small: Oid,
    gets: VecDeque<Oid>,
    /// Objects that were not answered before, each asked for alone when all others came.
    suspects: VecDeque<Oid>,
    tables: VecDeque<Columns>,
    asked: Option<Asked>,
    /// What is still tried on a device that was silent from the start: is it there at all?
    probes: Option<VecDeque<Request>>,
    /// Whether the device was silent to its uptime alone.
    was_silent_to_uptime: bool,
    /// How a table is walked whose agent answered as none may.
    step_size: StepSize,
    /// Objects and columns of one request, until a culprit that an error does not name is alone.
    most: usize,
    /// What the device could take before it last did not answer, until it is known whether that was too much for it.
    before_trouble: Option<Limits>,
    /// Whether it answered anything since.
    has_answered_since: bool,
    /// Silences that nothing explains yet.
    silences: u32,
    result: PollResult,
}

#[derive(Debug)]
enum Asked {
    Get(Vec<Oid>),
    Probe(Request),
    Walk { places: Vec<usize>, repetitions: u32 },
}

/// How much of a table is asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum StepSize {
    /// As much as the device takes.
    Full,
    /// Row by row, since an answer to more was an error, or not in the order in which it has to come.
    Rows,
    /// Object by object, since rows were not either.
    Objects,
}

impl Poll {
    /// Creates a run. `small` is an object that nearly every agent has: its uptime.
    pub fn new(wanted: &Wanted, small: Oid, dialect: Dialect, limits: Limits, policy: PollPolicy) -> Self {
        let mut result = PollResult { limits, ..PollResult::default() };
        let (mut gets, mut suspects) = (VecDeque::new(), VecDeque::new());
        // What everything else is judged by comes in the first packet.
        let others = wanted.gets().filter(|oid| **oid != small);
        for oid in std::iter::once(&small).chain(others) {
            if result.limits.is_avoided(oid) {
                result.values.insert(oid.clone(), Err(Missing::Unanswered));
            } else if result.limits.is_suspect(oid) {
                suspects.push_back(oid.clone());
            } else {
                gets.push_back(oid.clone());
            }
        }
        Self {
            dialect,
            policy,
            gets,
            suspects,
            small,
            tables: wanted.tables().into_iter().map(Columns::new).collect(),
            asked: None,
            probes: None,
            was_silent_to_uptime: false,
            step_size: StepSize::Full,
            most: usize::MAX,
            before_trouble: None,
            has_answered_since: false,
            silences: 0,
            result,
        }
    }

    /// Returns the next request; None when all is done. Its answer has to be taken before the next one is asked for.
    pub fn next_request(&mut self) -> Option<Request> {
        let (asked, request) = self.choose()?;
        self.asked = Some(asked);
        self.result.requests += 1;
        Some(request)
    }

    fn choose(&mut self) -> Option<(Asked, Request)> {
        if !self.result.heard
            && let Some(probe) = self.probes.as_mut().and_then(VecDeque::pop_front)
        {
            return Some((Asked::Probe(probe.clone()), probe));
        }
        if !self.gets.is_empty() {
            let most = self.result.limits.oids(&self.policy).min(self.most).min(self.gets.len());
            let oids: Vec<Oid> = self.gets.drain(..most).collect();
            return Some((Asked::Get(oids.clone()), Request::Get(oids)));
        }
        self.choose_rows().or_else(|| {
            let suspect = vec![self.suspects.pop_front()?];
            Some((Asked::Get(suspect.clone()), Request::Get(suspect)))
        })
    }

    fn choose_rows(&mut self) -> Option<(Asked, Request)> {
        loop {
            let table = self.tables.front()?;
            let is_alone = self.step_size == StepSize::Objects || self.order() == Order::Any;
            let most = if is_alone { 1 } else { self.result.limits.columns(&self.policy).min(self.most) };
            let places = table.open(most);
            if places.is_empty() {
                let table = self.tables.pop_front()?;
                self.step_size = StepSize::Full;
                self.most = usize::MAX;
                self.result.columns.extend(table.into_columns());
                continue;
            }
            let oids = table.cursors(&places);
            let repetitions = match self.dialect {
                Dialect::Bulk if self.step_size == StepSize::Full => {
                    self.result.limits.repetitions(places.len(), &self.policy)
                }
                _ => 1,
            };
            // A single row is asked for in the way that agents understand too which know no GETBULK.
            let request =
                if repetitions == 1 { Request::Next(oids) } else { Request::Bulk { oids, repetitions } };
            return Some((Asked::Walk { places, repetitions }, request));
        }
    }

    /// In which order rows may come.
    fn order(&self) -> Order {
        match self.policy.walk_order {
            WalkOrder::Ascending => Order::Ascending,
            WalkOrder::Any => Order::Any,
            WalkOrder::Learnt if self.result.limits.is_unordered() => Order::Any,
            WalkOrder::Learnt => Order::Learnt,
        }
    }

    /// Handles the answer to the last request, and when it came.
    pub fn take(&mut self, answer: Result<Vec<Varbind>, AskError>, at: Moment) {
        let Some(asked) = self.asked.take() else { return };
        if let Ok(varbinds) = &answer {
            self.result.heard = true;
            self.has_answered_since = true;
            self.result.varbinds += varbinds.len() as u64;
            self.result.bytes += varbinds.iter().map(bytes).sum::<usize>();
        }
        match (asked, answer) {
            (Asked::Probe(probe), answer) => self.take_probe(&probe, answer, at),
            (Asked::Get(oids), Ok(varbinds)) => self.take_values(oids, varbinds, at),
            (Asked::Walk { places, repetitions }, Ok(varbinds)) => {
                self.take_rows(&places, repetitions, varbinds, at);
            }
            (asked, Err(AskError::Status { status, index })) => {
                self.result.heard = true;
                match asked {
                    Asked::Get(oids) => self.get_refused(oids, status, index),
                    Asked::Walk { places, repetitions } => {
                        self.walk_refused(&places, repetitions, status, index);
                    }
                    Asked::Probe(_) => {}
                }
            }
            (asked, Err(error @ (AskError::Timeout | AskError::Malformed(_)))) => {
                self.unanswered(asked, error);
            }
            (asked, Err(error)) => {
                self.put_back(asked);
                self.give_up(&Missing::Failed(error));
            }
        }
        let most = self.policy.max_bytes;
        if usize::try_from(most).is_ok_and(|most| self.result.bytes > most) {
            self.give_up(&Missing::TooManyBytes(most));
        }
    }

    /// Ends the run here and now: what was not asked for is missing for want of time.
    pub fn out_of_time(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.put_back(asked);
        }
        self.give_up(&Missing::OutOfTime);
    }

    /// Returns what came of it.
    pub fn into_result(mut self) -> PollResult {
        self.out_of_time();
        if self.result.heard {
            self.result.limits.run_ended();
        }
        self.result
    }

    fn take_values(&mut self, oids: Vec<Oid>, varbinds: Vec<Varbind>, at: Moment) {
        let mut came: HashMap<Oid, Result<_, Exception>> =
            varbinds.into_iter().map(|varbind| (varbind.oid, varbind.value)).collect();
        let asked = oids.len();
        let mut left = Vec::new();
        let mut is_cut = true;
        for oid in oids {
            let value = match came.remove(&oid) {
                Some(Ok(value)) => Ok((value, at)),
                Some(Err(exception)) => Err(Missing::Exception(exception)),
                None => {
                    left.push(oid);
                    continue;
                }
            };
            // What was left out is the end of the list only if nothing comes after it.
            is_cut &= left.is_empty();
            if oid == self.small {
                self.result.limits.note_uptime_answered();
            }
            self.result.limits.note_answered(&oid);
            self.result.values.insert(oid, value);
        }
        match (left.len(), asked) {
            (0, _) => {}
            (1, 1) => self.found_culprit(left, &Missing::LeftOut),
            (left_out, asked) if left_out == asked => {
                self.note_trouble();
                self.result.limits.shrink_get(asked);
                self.put_back(Asked::Get(left));
            }
            (left_out, asked) => {
                if is_cut {
                    self.note_trouble();
                    self.result.limits.fit_get(asked - left_out);
                }
                self.put_back(Asked::Get(left));
            }
        }
    }

    /// Notes that an object, asked for alone, is not answered: then what was asked for with it was not too much.
    fn found_culprit(&mut self, oids: Vec<Oid>, why: &Missing) {
        self.restore_sizes();
        // A device that answers other objects is there: its silence was about this one.
        if self.has_answered_since {
            self.silences = 0;
        }
        for oid in oids {
            self.result.limits.note_unanswered(&oid);
            self.result.values.insert(oid, Err(why.clone()));
        }
    }

    fn note_trouble(&mut self) {
        if self.before_trouble.is_none() {
            self.before_trouble = Some(self.result.limits.clone());
            self.has_answered_since = false;
        }
    }

    fn restore_sizes(&mut self) {
        if let Some(before) = self.before_trouble.take() {
            self.result.limits = self.result.limits.with_sizes_of(&before);
        }
    }

    fn get_refused(&mut self, mut oids: Vec<Oid>, status: Status, index: usize) {
        if status == Status::TooBig {
            self.note_trouble();
            if self.result.limits.shrink_get(oids.len()) {
                return self.put_back(Asked::Get(oids));
            }
            self.restore_sizes();
        } else if let Some(place) = index.checked_sub(1).filter(|place| *place < oids.len()) {
            let culprit = oids.remove(place);
            self.result.values.insert(culprit, Err(refused(status, index)));
            return self.put_back(Asked::Get(oids));
        } else if oids.len() > 1 {
            // It does not say which one: each half is asked for alone.
            self.most = oids.len() / 2;
            return self.put_back(Asked::Get(oids));
        }
        self.most = usize::MAX;
        for oid in oids {
            self.result.values.insert(oid, Err(refused(status, index)));
        }
    }

    fn take_rows(&mut self, places: &[usize], repetitions: u32, varbinds: Vec<Varbind>, at: Moment) {
        let came = varbinds.len();
        if came == 0 {
            let nothing = AskError::Malformed("an answer without any object".to_owned());
            return self.unanswered(Asked::Walk { places: places.to_vec(), repetitions }, nothing);
        }
        let order = self.order();
        let Some(table) = self.tables.front_mut() else { return };
        let may_be_misaligned = places.len() > 1 || repetitions > 1;
        if order != Order::Any && may_be_misaligned && !table.is_aligned(places, &varbinds, repetitions) {
            // Nothing of it is believed; what is asked for in smaller steps can be meant in one way only.
            self.step_size = if repetitions > 1 { StepSize::Rows } else { StepSize::Objects };
            return;
        }
        let taken = table.take(places, varbinds, at, self.policy.max_rows, order);
        if taken.is_unordered {
            self.result.limits.note_unordered();
        }
        let asked = places.len().saturating_mul(usize::try_from(repetitions).unwrap_or(usize::MAX));
        // At the end of all objects an agent may stop early: that says nothing about what fits.
        if self.dialect == Dialect::Bulk
            && self.step_size == StepSize::Full
            && !(taken.saw_end_of_all && came < asked)
        {
            self.result.limits.fit(asked, came, &self.policy);
        }
    }

    fn walk_refused(&mut self, places: &[usize], repetitions: u32, status: Status, index: usize) {
        if status == Status::TooBig {
            self.note_trouble();
            if self.result.limits.shrink_walk(places.len(), repetitions) {
                return;
            }
            return self.skip_row(places, refused(status, 0));
        }
        if repetitions > 1 {
            // The rows before the one it stumbles over are still to be had.
            self.step_size = StepSize::Rows;
            return;
        }
        let place = match (index.checked_sub(1).and_then(|place| places.get(place)), places) {
            (Some(place), _) | (None, [place]) => *place,
            _ => return self.most = places.len() / 2,
        };
        // v1 has no other word for the end of all objects.
        if status == Status::NoSuchName {
            if let Some(table) = self.tables.front_mut() {
                table.end(place, Ok(()));
            }
            return;
        }
        self.skip_row(&[place], refused(status, 0));
    }

    /// Goes on behind the row over which the agent stumbles in a single column, which costs that row; ends the column where
    /// that cannot be.
    fn skip_row(&mut self, places: &[usize], why: Missing) {
        self.restore_sizes();
        if let (Some(table), [place]) = (self.tables.front_mut(), places)
            && !table.skip(*place, &why)
        {
            table.end(*place, Err(why));
        }
        self.step_size = StepSize::Full;
        self.most = usize::MAX;
    }

    fn unanswered(&mut self, asked: Asked, error: AskError) {
        self.result.timeouts += 1;
        self.silences += 1;
        if !self.result.heard && error == AskError::Timeout {
            let was_small = matches!(&asked, Asked::Get(oids) if **oids == [self.small.clone()]);
            self.put_back(asked);
            let mut probes = self.probes();
            if was_small {
                self.was_silent_to_uptime = true;
                probes.pop_front();
            }
            if probes.is_empty() {
                return self.give_up(&Missing::Failed(error));
            }
            self.probes = Some(probes);
            return;
        }
        if self.silences > self.policy.max_timeouts {
            self.put_back(asked);
            return self.give_up(&Missing::Failed(error));
        }
        self.note_trouble();
        match asked {
            Asked::Get(oids) if self.result.limits.shrink_get(oids.len()) => self.put_back(Asked::Get(oids)),
            Asked::Get(oids) => self.found_culprit(oids, &Missing::Failed(error)),
            Asked::Walk { places, repetitions } => {
                if !self.result.limits.shrink_walk(places.len(), repetitions) {
                    self.skip_row(&places, Missing::Failed(error));
                }
            }
            Asked::Probe(_) => {}
        }
    }

    fn put_back(&mut self, asked: Asked) {
        if let Asked::Get(oids) = asked {
            for oid in oids.into_iter().rev() {
                self.gets.push_front(oid);
            }
        }
    }

    fn give_up(&mut self, why: &Missing) {
        self.probes = None;
        let left = self.gets.drain(..).chain(self.suspects.drain(..));
        self.result.values.extend(left.map(|oid| (oid, Err(why.clone()))));
        for mut table in self.tables.drain(..) {
            table.cut(why);
            self.result.columns.extend(table.into_columns());
        }
    }
}

/// What an object takes in memory, about.
fn bytes(varbind: &Varbind) -> usize {
    let arcs = size_of_val(varbind.oid.arcs());
    let value = match &varbind.value {
        Ok(Value::Octets(octets) | Value::Opaque(octets)) => octets.len(),
        Ok(Value::Oid(oid)) => size_of_val(oid.arcs()),
        _ => 0,
    };
    size_of::<Row>() + arcs + value
}

/// What an error status about one object means for it.
fn refused(status: Status, index: usize) -> Missing {
    match status {
        Status::NoSuchName => Missing::Exception(Exception::NoSuchObject),
        status => Missing::Failed(AskError::Status { status, index }),
    }
}
