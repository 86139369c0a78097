//! What one observation domain said about its sampling.

use std::collections::BTreeMap;

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    decode::{SamplingScope, SamplingStatement, ScopeKeys, Statement},
    record::{Factor, Flow},
};

/// Samplings remembered for one domain. Large routers have hundreds of interfaces; what comes beyond is not taken in, and its
/// flows fall back to the domain's factor.
pub const RULES_MAX: usize = 4_096;
/// Samplings among them that are narrowed to several things at once: each flow is held against all of them.
pub const COMPOUND_RULES_MAX: usize = 64;
/// Selectors of one selection sequence; real ones have two or three.
const SELECTORS_MAX: usize = 8;

/// The samplings of one exporter's observation domain, as its options data told them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DomainSampling {
    whole: Option<Factor>,
    /// Those narrowed to one thing.
    #[serde(with = "pairs")]
    narrow: BTreeMap<SamplingScope, Factor>,
    /// Those narrowed to several.
    #[serde(with = "pairs")]
    compound: BTreeMap<SamplingScope, Factor>,
    /// Selection sequences, by the selectors that they are made of.
    sequences: BTreeMap<u64, Vec<u64>>,
    disbelieved: Option<Disbelieved>,
    system_init: Option<Timestamp>,
}

/// A map as a row of pairs: not every format has keys that are more than a text.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Factor, SamplingScope};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<SamplingScope, Factor>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<SamplingScope, Factor>, D::Error> {
        Vec::deserialize(deserializer).map(Vec::into_iter).map(BTreeMap::from_iter)
    }
}

/// A sampling that was told and not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Disbelieved {
    /// The number of its algorithm, which is none of IANA's registry.
    pub algorithm: u64,
    /// The factor that would have held.
    pub factor: Factor,
}

/// What a domain's options data say of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scaling {
    /// This factor holds.
    Factor(Factor),
    /// A sampling was told, and whether it holds for the flow cannot be seen.
    Unknown,
    /// Nothing was told that has to do with it.
    NotSampled,
}

impl DomainSampling {
    /// Records what one options record said; the latest word about a thing holds.
    pub(crate) fn note(&mut self, statement: &Statement) {
        if statement.system_init.is_some() {
            self.system_init = statement.system_init;
        }
        if let (Some(sequence), false) = (statement.scope.sequence, statement.selectors.is_empty()) {
            let selectors = statement.selectors.iter().copied().take(SELECTORS_MAX).collect();
            bounded_insert(&mut self.sequences, sequence, selectors, RULES_MAX);
        }
        let (scope, factor) = match statement.sampling {
            Some(SamplingStatement::Factor(factor)) => (statement.scope, factor),
            Some(SamplingStatement::Disbelieved { algorithm, factor }) => {
                self.disbelieved = Some(Disbelieved { algorithm, factor });
                return;
            }
            None => return,
        };
        match scope.conditions() {
            0 => self.whole = Some(factor),
            1 => bounded_insert(&mut self.narrow, scope, factor, RULES_MAX),
            _ => bounded_insert(&mut self.compound, scope, factor, COMPOUND_RULES_MAX),
        }
    }

    /// Returns what holds for a flow: its sampler's or selection sequence's factor, else that of a scope that it lies in, else
    /// the whole domain's.
    pub(crate) fn scaling(&self, flow: &Flow, keys: &ScopeKeys) -> Scaling {
        let found = self
            .compound
            .iter()
            .find_map(|(scope, factor)| fits(scope, flow, keys).then_some(*factor))
            .or_else(|| self.of_selection(flow, keys))
            .or_else(|| self.of_place(flow, keys))
            .or(self.whole);
        match found {
            Some(factor) => Scaling::Factor(factor),
            None if self.is_missing_for(flow, keys) => Scaling::Unknown,
            None => Scaling::NotSampled,
        }
    }

    fn of_selection(&self, flow: &Flow, keys: &ScopeKeys) -> Option<Factor> {
        let by_sampler =
            |sampler| self.rule(SamplingScope { sampler: Some(sampler), ..SamplingScope::default() });
        let by_sequence = |sequence| {
            let told = self.rule(SamplingScope { sequence: Some(sequence), ..SamplingScope::default() });
            told.or_else(|| {
                let selectors = self.sequences.get(&sequence)?;
                // what one selector passed on, the next one sampled
                selectors
                    .iter()
                    .try_fold(Factor::NONE, |product, selector| Some(product.times(by_sampler(*selector)?)))
            })
        };
        flow.sampler.and_then(by_sampler).or_else(|| keys.sequence.and_then(by_sequence))
    }

    fn of_place(&self, flow: &Flow, keys: &ScopeKeys) -> Option<Factor> {
        if self.narrow.is_empty() {
            return None;
        }
        let egress = flow.direction.is_some_and(|direction| direction.number() == 1);
        let interface = if egress { flow.output } else { flow.input };
        let none = SamplingScope::default();
        let scopes = [
            interface.map(|interface| SamplingScope { interface: Some(interface), ..none }),
            flow.output.map(|output| SamplingScope { egress_interface: Some(output), ..none }),
            keys.line_card.map(|line_card| SamplingScope { line_card: Some(line_card), ..none }),
            Some(SamplingScope { template: Some(keys.template), ..none }),
        ];
        scopes.into_iter().flatten().find_map(|scope| self.rule(scope))
    }

    fn rule(&self, scope: SamplingScope) -> Option<Factor> {
        self.narrow.get(&scope).copied()
    }

    /// Whether a flow for which no factor is known should have one: it names a sampler that nobody told, or does not name what
    /// a sampling was told for. Sampler 0 that nobody told means that the flow was not sampled.
    fn is_missing_for(&self, flow: &Flow, keys: &ScopeKeys) -> bool {
        match (flow.sampler, keys.sequence) {
            (Some(0), None) => false,
            (Some(_), _) | (_, Some(_)) => true,
            (None, None) => self.narrow.iter().chain(&self.compound).any(|(scope, factor)| {
                let unseen = scope.sampler.is_some()
                    || scope.sequence.is_some()
                    || scope.other
                    || (scope.line_card.is_some() && keys.line_card.is_none());
                !factor.is_none() && unseen
            }),
        }
    }

    /// Returns when the exporter started, if its options data told.
    pub fn system_init(&self) -> Option<Timestamp> {
        self.system_init
    }

    /// Returns the factor of the whole domain, if one was told.
    pub fn whole(&self) -> Option<Factor> {
        self.whole
    }

    /// Returns each sampling that is narrowed to something.
    pub fn narrowed(&self) -> impl Iterator<Item = (&SamplingScope, Factor)> {
        self.narrow.iter().chain(&self.compound).map(|(scope, factor)| (scope, *factor))
    }

    /// Returns the selection sequences with the selectors that they are made of.
    pub fn sequences(&self) -> impl Iterator<Item = (u64, &[u64])> {
        self.sequences.iter().map(|(sequence, selectors)| (*sequence, selectors.as_slice()))
    }

    /// Returns the last sampling that was told and not believed.
    pub fn disbelieved(&self) -> Option<Disbelieved> {
        self.disbelieved
    }
}

/// Whether a flow lies in all that a scope names.
fn fits(scope: &SamplingScope, flow: &Flow, keys: &ScopeKeys) -> bool {
    let egress = flow.direction.is_some_and(|direction| direction.number() == 1);
    let interface = if egress { flow.output } else { flow.input };
    let holds = |wanted: Option<u64>, found: Option<u64>| wanted.is_none() || wanted == found;
    !scope.other
        && holds(scope.sampler, flow.sampler)
        && holds(scope.sequence, keys.sequence)
        && holds(scope.interface.map(u64::from), interface.map(u64::from))
        && holds(scope.egress_interface.map(u64::from), flow.output.map(u64::from))
        && holds(scope.template.map(u64::from), Some(u64::from(keys.template)))
        && holds(scope.line_card.map(u64::from), keys.line_card.map(u64::from))
}

fn bounded_insert<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V, max: usize) {
    if map.len() < max || map.contains_key(&key) {
        map.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Direction;

    fn told(scope: SamplingScope, interval: u32) -> Statement {
        Statement {
            scope,
            sampling: Some(SamplingStatement::Factor(Factor::one_in(interval))),
            ..Statement::default()
        }
    }

    fn domain(statements: &[Statement]) -> DomainSampling {
        let mut domain = DomainSampling::default();
        statements.iter().for_each(|statement| domain.note(statement));
        domain
    }

    fn one_in(interval: u32) -> Scaling {
        Scaling::Factor(Factor::one_in(interval))
    }

    const ALL: SamplingScope = SamplingScope {
        sampler: None,
        sequence: None,
        interface: None,
        egress_interface: None,
        template: None,
        line_card: None,
        other: false,
    };

    #[test]
    fn the_sampler_wins_over_the_interface_and_that_over_the_domain() {
        let domain = domain(&[
            told(SamplingScope { sampler: Some(7), ..ALL }, 100),
            told(SamplingScope { interface: Some(3), ..ALL }, 10),
            told(ALL, 2),
        ]);
        let flow = Flow { input: Some(3), output: Some(9), sampler: Some(7), ..Flow::default() };
        let keys = ScopeKeys::default();
        assert_eq!(domain.scaling(&flow, &keys), one_in(100));
        assert_eq!(domain.scaling(&Flow { sampler: Some(8), ..flow }, &keys), one_in(10));
        assert_eq!(
            domain.scaling(&Flow { sampler: None, direction: Some(Direction::Egress), ..flow }, &keys),
            one_in(2)
        );
    }

    #[test]
    fn a_narrow_scope_scales_only_what_lies_in_it() {
        let keys = ScopeKeys { template: 258, sequence: None, line_card: Some(2), disbelieved: None };
        let flow = Flow { input: Some(3), output: Some(7), ..Flow::default() };
        for (scope, other_flow, other_keys) in [
            (SamplingScope { egress_interface: Some(7), ..ALL }, Flow { output: Some(8), ..flow }, keys),
            (SamplingScope { interface: Some(3), ..ALL }, Flow { input: Some(4), ..flow }, keys),
            (SamplingScope { template: Some(258), ..ALL }, flow, ScopeKeys { template: 259, ..keys }),
            (SamplingScope { line_card: Some(2), ..ALL }, flow, ScopeKeys { line_card: Some(1), ..keys }),
            (
                SamplingScope { interface: Some(3), template: Some(258), ..ALL },
                flow,
                ScopeKeys { template: 259, ..keys },
            ),
        ] {
            let domain = domain(&[told(scope, 100)]);
            assert_eq!(domain.scaling(&flow, &keys), one_in(100), "{scope}");
            assert_eq!(domain.scaling(&other_flow, &other_keys), Scaling::NotSampled, "{scope}");
        }
    }

    #[test]
    fn what_a_sampling_was_told_for_and_a_flow_does_not_name_is_unknown() {
        let (flow, keys) = (Flow::default(), ScopeKeys::default());
        for scope in [
            SamplingScope { sampler: Some(1), ..ALL },
            SamplingScope { line_card: Some(1), ..ALL },
            SamplingScope { other: true, ..ALL },
        ] {
            assert_eq!(domain(&[told(scope, 100)]).scaling(&flow, &keys), Scaling::Unknown, "{scope}");
            assert_eq!(domain(&[told(scope, 1)]).scaling(&flow, &keys), Scaling::NotSampled, "{scope}");
        }
        let nothing = DomainSampling::default();
        assert_eq!(nothing.scaling(&Flow { sampler: Some(1), ..flow }, &keys), Scaling::Unknown);
        assert_eq!(nothing.scaling(&Flow { sampler: Some(0), ..flow }, &keys), Scaling::NotSampled);
        assert_eq!(nothing.scaling(&flow, &keys), Scaling::NotSampled);
    }

    #[test]
    fn a_selection_sequence_scales_by_all_its_selectors() {
        let sequence = Statement {
            scope: SamplingScope { sequence: Some(9), ..ALL },
            selectors: vec![1, 2],
            ..Statement::default()
        };
        let selector = |id, interval| told(SamplingScope { sampler: Some(id), ..ALL }, interval);
        let keys = ScopeKeys { sequence: Some(9), ..ScopeKeys::default() };
        let flow = Flow::default();
        let half = domain(&[sequence.clone(), selector(1, 10)]);
        assert_eq!(half.scaling(&flow, &keys), Scaling::Unknown, "one selector is not told yet");
        let whole = domain(&[selector(2, 3), sequence, selector(1, 10)]);
        assert_eq!(whole.scaling(&flow, &keys), one_in(30));
    }

    #[test]
    fn a_sampling_that_is_not_believed_scales_nothing_and_is_remembered() {
        let factor = Factor::one_in(67);
        let statement = Statement {
            sampling: Some(SamplingStatement::Disbelieved { algorithm: 131, factor }),
            ..Statement::default()
        };
        let domain = domain(&[statement]);
        assert_eq!(domain.scaling(&Flow::default(), &ScopeKeys::default()), Scaling::NotSampled);
        assert_eq!(domain.disbelieved(), Some(Disbelieved { algorithm: 131, factor }));
    }

    #[test]
    fn a_hostile_exporter_cannot_grow_its_domain_without_end() {
        let mut domain = DomainSampling::default();
        for id in 0..20_000 {
            domain.note(&told(SamplingScope { sampler: Some(id), ..ALL }, 2));
            domain.note(&told(SamplingScope { sampler: Some(id), template: Some(300), ..ALL }, 2));
            let scope = SamplingScope { sequence: Some(id), ..ALL };
            domain.note(&Statement { scope, selectors: vec![1; 100], ..Statement::default() });
        }
        assert_eq!(domain.narrowed().count(), RULES_MAX + COMPOUND_RULES_MAX);
        assert_eq!(domain.sequences().count(), RULES_MAX);
        assert!(domain.sequences().all(|(_, selectors)| selectors.len() <= SELECTORS_MAX));
    }
}
