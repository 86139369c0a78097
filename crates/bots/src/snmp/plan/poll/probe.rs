//! Is a silent device there at all?

use std::collections::VecDeque;

use super::Poll;
use crate::snmp::{AskError, Moment, Request, Varbind, plan::Missing};

impl Poll {
    /// Returns the run with a single small request before all else: of a device that was silent to the last runs nothing
    /// more is asked unless that is answered.
    #[must_use]
    pub fn after_a_probe(mut self) -> Self {
        let uptime = self.uptime_probe().filter(|_| self.result.limits.answers_uptime());
        let all = || self.uptime_probe().into_iter().chain(self.other_probes()).collect();
        self.probes = uptime.or_else(|| self.result.limits.in_turn(all())).map(|probe| [probe].into());
        self
    }

    /// What is asked of a device that is silent to a big request, one after the other: its uptime, and where it never
    /// answered that something that is wanted, since some agents are silent to whatever they do not have.
    pub(super) fn probes(&self) -> VecDeque<Request> {
        let mut probes = VecDeque::from_iter(self.uptime_probe());
        if !self.result.limits.answers_uptime() {
            probes.extend(self.result.limits.in_turn(self.other_probes()));
        }
        probes
    }

    fn uptime_probe(&self) -> Option<Request> {
        (!self.result.limits.is_suspect(&self.small)).then(|| Request::Get(vec![self.small.clone()]))
    }

    fn other_probes(&self) -> Vec<Request> {
        let others = self.gets.iter().filter(|oid| **oid != self.small);
        let mut probes: Vec<_> = others.map(|oid| Request::Get(vec![oid.clone()])).collect();
        probes.extend(self.tables.front().map(|table| Request::Next(table.cursors(&[0]))));
        probes
    }

    pub(super) fn take_probe(&mut self, probe: &Request, answer: Result<Vec<Varbind>, AskError>, at: Moment) {
        let is_uptime = matches!(probe, Request::Get(oids) if oids.first() == Some(&self.small));
        match answer {
            Ok(varbinds) => {
                if let Request::Get(oids) = probe
                    && !is_uptime
                {
                    self.gets.retain(|oid| !oids.contains(oid));
                    self.suspects.retain(|oid| !oids.contains(oid));
                    self.take_values(oids.clone(), varbinds, at);
                }
            }
            // An error is an answer too: the device is there.
            Err(AskError::Status { .. }) => self.result.heard = true,
            Err(error) => {
                self.result.timeouts += u32::from(error == AskError::Timeout);
                self.was_silent_to_uptime |= is_uptime && error == AskError::Timeout;
                if self.probes.as_ref().is_none_or(VecDeque::is_empty) || error != AskError::Timeout {
                    self.give_up(&Missing::Failed(error));
                }
                return;
            }
        }
        if self.was_silent_to_uptime && self.gets.contains(&self.small) {
            // It is there, and was silent to its uptime alone.
            self.gets.retain(|oid| *oid != self.small);
            self.result.values.insert(self.small.clone(), Err(Missing::Unanswered));
            self.result.limits.note_unanswered(&self.small);
        }
    }
}
