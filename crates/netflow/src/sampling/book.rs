//! What one observation domain said about its sampling.

use std::collections::BTreeMap;

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    decode::Statement,
    record::{Factor, Flow},
};

/// Samplers and interfaces remembered for one domain, each. Large routers have hundreds of interfaces; what comes
/// beyond is not taken in, and its flows fall back to the domain's factor.
const ENTRIES_MAX: usize = 4_096;

/// The samplings of one exporter's observation domain, as its options data told them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    samplers: BTreeMap<u64, Factor>,
    interfaces: BTreeMap<u32, Factor>,
    whole: Option<Factor>,
    system_init: Option<Timestamp>,
}

impl Book {
    /// Takes in what one options record said; the latest word about a thing holds.
    pub fn note(&mut self, statement: &Statement) {
        if statement.system_init.is_some() {
            self.system_init = statement.system_init;
        }
        let Some(factor) = statement.factor else { return };
        match (statement.sampler, statement.interface) {
            (Some(sampler), _) => bounded_insert(&mut self.samplers, sampler, factor),
            (None, Some(interface)) => bounded_insert(&mut self.interfaces, interface, factor),
            (None, None) => self.whole = Some(factor),
        }
    }

    /// Gives the factor for a flow: its own sampler's, else its interface's, else the whole domain's, else none.
    pub fn factor(&self, flow: &Flow) -> Factor {
        let by_sampler = flow.sampler.and_then(|sampler| self.samplers.get(&sampler));
        let by_interface = || {
            let egress = flow.direction.is_some_and(|direction| direction.number() == 1);
            let interface = if egress { flow.output } else { flow.input };
            interface.and_then(|interface| self.interfaces.get(&interface))
        };
        by_sampler.or_else(by_interface).copied().or(self.whole).unwrap_or_default()
    }

    /// Gives when the exporter started, if its options data told.
    pub fn system_init(&self) -> Option<Timestamp> {
        self.system_init
    }

    /// Gives the factors by sampler id.
    pub fn samplers(&self) -> &BTreeMap<u64, Factor> {
        &self.samplers
    }

    /// Gives the factors by interface.
    pub fn interfaces(&self) -> &BTreeMap<u32, Factor> {
        &self.interfaces
    }

    /// Gives the factor of the whole domain, if one was told.
    pub fn whole(&self) -> Option<Factor> {
        self.whole
    }
}

fn bounded_insert<K: Ord>(map: &mut BTreeMap<K, Factor>, key: K, factor: Factor) {
    if map.len() < ENTRIES_MAX || map.contains_key(&key) {
        map.insert(key, factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Direction;

    fn book(statements: &[Statement]) -> Book {
        let mut book = Book::default();
        statements.iter().for_each(|statement| book.note(statement));
        book
    }

    #[test]
    fn the_sampler_wins_over_the_interface_and_that_over_the_domain() {
        let factor = |n| Some(Factor::one_in(n));
        let book = book(&[
            Statement { sampler: Some(7), factor: factor(100), ..Statement::default() },
            Statement { interface: Some(3), factor: factor(10), ..Statement::default() },
            Statement { factor: factor(2), ..Statement::default() },
        ]);
        let flow = Flow { input: Some(3), output: Some(9), sampler: Some(7), ..Flow::default() };
        assert_eq!(book.factor(&flow), Factor::one_in(100));
        assert_eq!(book.factor(&Flow { sampler: Some(8), ..flow }), Factor::one_in(10));
        assert_eq!(
            book.factor(&Flow { sampler: None, direction: Some(Direction::Egress), ..flow }),
            Factor::one_in(2)
        );
    }

    #[test]
    fn a_hostile_exporter_cannot_grow_its_book_without_end() {
        let mut book = Book::default();
        for sampler in 0..100_000 {
            book.note(&Statement {
                sampler: Some(sampler),
                factor: Some(Factor::one_in(2)),
                ..Statement::default()
            });
        }
        assert_eq!(book.samplers().len(), ENTRIES_MAX);
    }
}
