//! One run over a device, as a machine that says the next request and takes its answer.

use std::collections::VecDeque;

use grafolean_collector::time::Timestamp;

use super::{Harvest, Limits, Missing, Row, Wanted, columns::Columns};
use crate::snmp::{AskError, Exception, Oid, Request, Status, Value, Varbind, settings::Manners};

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
    manners: Manners,
    /// The object by which a device that is silent to a big request is tried again: sysUpTime.
    small: Oid,
    gets: VecDeque<Oid>,
    tables: VecDeque<Columns>,
    asked: Option<Asked>,
    /// A big request was met by silence from the start: is the device there at all?
    doubted: Doubt,
    /// Walk row by row, since an answer to more was an error, until the culprit is found.
    row_by_row: bool,
    /// Objects and columns of one request, until a culprit that an error does not name is alone.
    most: usize,
    harvest: Harvest,
}

#[derive(Debug)]
enum Asked {
    Get(Vec<Oid>),
    Small,
    Walk { places: Vec<usize>, repetitions: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    None,
    Asking,
    Settled,
}

impl Poll {
    /// Begins a run. `small` is an object that every agent has.
    pub fn new(wanted: &Wanted, small: Oid, dialect: Dialect, limits: Limits, manners: Manners) -> Self {
        // What everything else is judged by comes in the first packet.
        let others = wanted.gets().filter(|oid| **oid != small).cloned();
        Self {
            dialect,
            manners,
            gets: std::iter::once(small.clone()).chain(others).collect(),
            small,
            tables: wanted.tables().into_iter().map(Columns::new).collect(),
            asked: None,
            doubted: Doubt::None,
            row_by_row: false,
            most: usize::MAX,
            harvest: Harvest { limits, ..Harvest::default() },
        }
    }

    /// Gives the next request; None when all is done. Its answer has to be taken before the next one is asked for.
    pub fn next_request(&mut self) -> Option<Request> {
        let (asked, request) = self.choose()?;
        self.asked = Some(asked);
        self.harvest.requests += 1;
        Some(request)
    }

    fn choose(&mut self) -> Option<(Asked, Request)> {
        if self.doubted == Doubt::Asking {
            return Some((Asked::Small, Request::Get(vec![self.small.clone()])));
        }
        if !self.gets.is_empty() {
            let most = self.harvest.limits.oids(&self.manners).min(self.most).min(self.gets.len());
            let oids: Vec<Oid> = self.gets.drain(..most).collect();
            return Some((Asked::Get(oids.clone()), Request::Get(oids)));
        }
        loop {
            let table = self.tables.front()?;
            let places = table.open(self.harvest.limits.columns(&self.manners).min(self.most));
            if places.is_empty() {
                let table = self.tables.pop_front()?;
                self.row_by_row = false;
                self.most = usize::MAX;
                self.harvest.columns.extend(table.into_columns());
                continue;
            }
            let oids = table.cursors(&places);
            let repetitions = match self.dialect {
                Dialect::Bulk if !self.row_by_row => {
                    self.harvest.limits.repetitions(places.len(), &self.manners)
                }
                _ => 1,
            };
            // A single row is asked for in the way that agents understand too which know no GETBULK.
            let request =
                if repetitions == 1 { Request::Next(oids) } else { Request::Bulk { oids, repetitions } };
            return Some((Asked::Walk { places, repetitions }, request));
        }
    }

    /// Takes the answer to the last request, and when it came.
    pub fn take(&mut self, answer: Result<Vec<Varbind>, AskError>, at: Timestamp) {
        let Some(asked) = self.asked.take() else { return };
        if let Ok(varbinds) = &answer {
            self.harvest.heard = true;
            self.harvest.varbinds += varbinds.len() as u64;
            self.harvest.bytes += varbinds.iter().map(bytes).sum::<usize>();
        }
        match (asked, answer) {
            (Asked::Small, answer) => self.take_small(answer),
            (Asked::Get(oids), Ok(varbinds)) => self.take_values(oids, varbinds, at),
            (Asked::Walk { places, repetitions }, Ok(varbinds)) => {
                self.take_rows(&places, repetitions, varbinds, at);
            }
            (asked, Err(AskError::Status { status, index })) => {
                self.harvest.heard = true;
                match asked {
                    Asked::Get(oids) => self.get_refused(oids, status, index),
                    Asked::Walk { places, repetitions } => {
                        self.walk_refused(&places, repetitions, status, index);
                    }
                    Asked::Small => {}
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
        let most = self.manners.max_bytes;
        if usize::try_from(most).is_ok_and(|most| self.harvest.bytes > most) {
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

    /// Gives what came of it.
    pub fn into_harvest(mut self) -> Harvest {
        self.out_of_time();
        if self.harvest.heard {
            self.harvest.limits.run_ended();
        }
        self.harvest
    }

    fn take_small(&mut self, answer: Result<Vec<Varbind>, AskError>) {
        self.doubted = Doubt::Settled;
        match answer {
            // An error is an answer too: the device is there.
            Ok(_) | Err(AskError::Status { .. }) => self.harvest.heard = true,
            Err(error) => {
                self.harvest.timeouts += u32::from(error == AskError::Timeout);
                self.give_up(&Missing::Failed(error));
            }
        }
    }

    fn take_values(&mut self, oids: Vec<Oid>, varbinds: Vec<Varbind>, at: Timestamp) {
        let mut came: std::collections::HashMap<Oid, Result<_, Exception>> =
            varbinds.into_iter().map(|varbind| (varbind.oid, varbind.value)).collect();
        for oid in oids {
            let value = match came.remove(&oid) {
                Some(Ok(value)) => Ok((value, at)),
                Some(Err(exception)) => Err(Missing::Exception(exception)),
                None => Err(Missing::LeftOut),
            };
            self.harvest.values.insert(oid, value);
        }
    }

    fn get_refused(&mut self, mut oids: Vec<Oid>, status: Status, index: usize) {
        if status == Status::TooBig {
            if self.harvest.limits.shrink_get(oids.len()) {
                return self.put_back(Asked::Get(oids));
            }
        } else if let Some(place) = index.checked_sub(1).filter(|place| *place < oids.len()) {
            let culprit = oids.remove(place);
            self.harvest.values.insert(culprit, Err(refused(status, index)));
            return self.put_back(Asked::Get(oids));
        } else if oids.len() > 1 {
            // It does not say which one: each half is asked for alone.
            self.most = oids.len() / 2;
            return self.put_back(Asked::Get(oids));
        }
        self.most = usize::MAX;
        for oid in oids {
            self.harvest.values.insert(oid, Err(refused(status, index)));
        }
    }

    fn take_rows(&mut self, places: &[usize], repetitions: u32, varbinds: Vec<Varbind>, at: Timestamp) {
        let came = varbinds.len();
        if came == 0 {
            let nothing = AskError::Malformed("an answer without any object".to_owned());
            return self.unanswered(Asked::Walk { places: places.to_vec(), repetitions }, nothing);
        }
        let Some(table) = self.tables.front_mut() else { return };
        let saw_end_of_all = table.take(places, varbinds, at, self.manners.max_rows);
        let asked = places.len().saturating_mul(usize::try_from(repetitions).unwrap_or(usize::MAX));
        // At the end of all objects an agent may stop early: that says nothing about what fits.
        if self.dialect == Dialect::Bulk && !self.row_by_row && !(saw_end_of_all && came < asked) {
            self.harvest.limits.fit(asked, came, &self.manners);
        }
    }

    fn walk_refused(&mut self, places: &[usize], repetitions: u32, status: Status, index: usize) {
        let Some(table) = self.tables.front_mut() else { return };
        if status == Status::TooBig {
            if !self.harvest.limits.shrink_walk(places.len(), repetitions) {
                table.cut(&refused(status, 0));
            }
            return;
        }
        if repetitions > 1 {
            // The rows before the one it stumbles over are still to be had.
            self.row_by_row = true;
            return;
        }
        let place = match (index.checked_sub(1).and_then(|place| places.get(place)), places) {
            (Some(place), _) | (None, [place]) => *place,
            _ => return self.most = places.len() / 2,
        };
        // v1 has no other word for the end of all objects.
        if status == Status::NoSuchName {
            return table.end(place, Ok(()));
        }
        let why = refused(status, 0);
        if !table.skip(place, &why) {
            table.end(place, Err(why));
        }
        self.row_by_row = false;
        self.most = usize::MAX;
    }

    fn unanswered(&mut self, asked: Asked, error: AskError) {
        self.harvest.timeouts += 1;
        if !self.harvest.heard && error == AskError::Timeout {
            let is_big = !matches!(&asked, Asked::Get(oids) if oids.len() == 1);
            self.put_back(asked);
            if is_big && self.doubted == Doubt::None {
                self.doubted = Doubt::Asking;
            } else {
                self.give_up(&Missing::Failed(error));
            }
            return;
        }
        if self.harvest.timeouts > self.manners.max_timeouts {
            self.put_back(asked);
            return self.give_up(&Missing::Failed(error));
        }
        match asked {
            Asked::Get(oids) if self.harvest.limits.shrink_get(oids.len()) => self.put_back(Asked::Get(oids)),
            Asked::Get(oids) => {
                let missing = oids.into_iter().map(|oid| (oid, Err(Missing::Failed(error.clone()))));
                self.harvest.values.extend(missing);
            }
            Asked::Walk { places, repetitions } => {
                if !self.harvest.limits.shrink_walk(places.len(), repetitions)
                    && let (Some(table), [place]) = (self.tables.front_mut(), &*places)
                {
                    table.end(*place, Err(Missing::Failed(error)));
                }
            }
            Asked::Small => {}
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
        self.doubted = Doubt::Settled;
        self.harvest.values.extend(self.gets.drain(..).map(|oid| (oid, Err(why.clone()))));
        for mut table in self.tables.drain(..) {
            table.cut(why);
            self.harvest.columns.extend(table.into_columns());
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
