//! Options data: what an exporter says about itself. Of it the sampling is taken, and when the system started.

use std::fmt;

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    definition::{Definition, Field, Space},
    details::{application, text},
    element::{Registry, Target},
    factor::{Algorithm, sampled},
    reader::{low_u16, low_u32, unsigned},
    record::{Records, split_value},
};
use crate::{
    names::Named,
    record::{ApplicationId, Factor},
};

/// One record of options data that tells a sampling or the time a system started.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Statement {
    /// What the sampling is narrowed to.
    pub scope: SamplingScope,
    /// Observation domain that a scope names (149), where it is not that of the message.
    pub domain: Option<u32>,
    /// The sampling.
    pub sampling: Option<SamplingStatement>,
    /// Selectors of which the scope's selection sequence is made, in their order (RFC 5476, section 6.5.1).
    pub selectors: Vec<u64>,
    /// systemInitTimeMilliseconds (160): from when the domain's uptimes count.
    pub system_init: Option<Timestamp>,
}

/// What an options record says of a sampling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SamplingStatement {
    /// One that can be meant.
    Factor(Factor),
    /// One whose algorithm IANA's registry does not know: it is not believed.
    Disbelieved {
        /// The number of the algorithm.
        algorithm: u64,
        /// The factor that goes with it.
        factor: Factor,
    },
}

/// To what a sampling is narrowed (RFC 7011, section 3.4.2.1): all that is named has to fit. Nothing named is the whole domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SamplingScope {
    /// Flows of this sampler or selector (48, 302).
    pub sampler: Option<u64>,
    /// Flows of this selection sequence (301).
    pub sequence: Option<u64>,
    /// Flows observed at this interface (NetFlow v9's scope 2, 10, 252).
    pub interface: Option<u32>,
    /// Flows that leave by this interface (14, 253).
    pub egress_interface: Option<u32>,
    /// Flows of records of this template (NetFlow v9's scope 5, 145).
    pub template: Option<u16>,
    /// Flows of this line card (NetFlow v9's scope 3, 141).
    pub line_card: Option<u32>,
    /// Something else, to which no flow can be seen to belong.
    pub other: bool,
}

impl SamplingScope {
    /// Returns how many things it names.
    pub(crate) fn conditions(&self) -> usize {
        let named = [
            self.sampler.is_some(),
            self.sequence.is_some(),
            self.interface.is_some(),
            self.egress_interface.is_some(),
            self.template.is_some(),
            self.line_card.is_some(),
            self.other,
        ];
        named.into_iter().filter(|named| *named).count()
    }
}

impl fmt::Display for SamplingScope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            ("sampler", self.sampler),
            ("selection sequence", self.sequence),
            ("interface", self.interface.map(u64::from)),
            ("egress interface", self.egress_interface.map(u64::from)),
            ("template", self.template.map(u64::from)),
            ("line card", self.line_card.map(u64::from)),
        ];
        let written = named.iter().filter_map(|(name, id)| id.map(|id| format!("{name} {id}")));
        let written: Vec<_> = written.chain(self.other.then(|| "another scope".to_owned())).collect();
        if written.is_empty() { out.write_str("all") } else { out.write_str(&written.join(", ")) }
    }
}

/// Reads the records of options data and hands on what each says.
pub(crate) fn read_options(
    definition: &Definition,
    set: &[u8],
    mut each: impl FnMut(&Statement, &[Named<'_>]),
) -> Records {
    let mut records = Records::default();
    let shortest = definition.shortest().max(1);
    let mut rest = set;
    let scopes = usize::from(definition.scopes.unwrap_or(0));
    while rest.len() >= shortest {
        let mut draft = Draft::default();
        for (place, field) in definition.fields.iter().enumerate() {
            let Some((value, after)) = split_value(field.length, rest) else {
                records.cut = rest.iter().any(|&octet| octet != 0);
                return records;
            };
            rest = after;
            if !value.is_empty() {
                draft.note(field, place < scopes, value);
                draft.names.note(field, value);
            }
        }
        records.count += 1;
        let names = draft.names.named(draft.statement.scope.interface);
        each(&draft.finished(), &names);
    }
    records
}

/// What a record says of names.
#[derive(Default)]
struct NameFields<'a> {
    interface_name: Option<&'a str>,
    interface_description: Option<&'a str>,
    application: Option<ApplicationId>,
    application_name: Option<&'a str>,
    vrf: Option<u32>,
    vrf_name: Option<&'a str>,
}

impl<'a> NameFields<'a> {
    fn note(&mut self, field: &Field, value: &'a [u8]) {
        match (field.space, field.element) {
            (Space::Iana, 82) => self.interface_name = text(value),
            (Space::Iana, 83) => self.interface_description = text(value),
            (Space::Iana, 95) => self.application = application(value),
            (Space::Iana, 96) => self.application_name = text(value),
            (Space::Iana, 234) => self.vrf = Some(low_u32(unsigned(value))),
            (Space::Iana, 236) => self.vrf_name = text(value),
            _ => {}
        }
    }

    fn named(&self, interface: Option<u32>) -> Vec<Named<'a>> {
        let interface_name = self.interface_name.or(self.interface_description);
        let pairs = [
            interface.zip(interface_name).map(|(index, name)| Named::Interface(index, name)),
            self.application.zip(self.application_name).map(|(id, name)| Named::Application(id, name)),
            self.vrf.zip(self.vrf_name).map(|(id, name)| Named::Vrf(id, name)),
        ];
        pairs.into_iter().flatten().collect()
    }
}

/// A record as it is being put together.
#[derive(Default)]
struct Draft<'a> {
    statement: Statement,
    parts: Vec<(Target, &'a [u8])>,
    algorithm: Option<(Registry, u64)>,
    names: NameFields<'a>,
}

impl<'a> Draft<'a> {
    fn note(&mut self, field: &Field, is_scope: bool, value: &'a [u8]) {
        let number = unsigned(value);
        let Statement { scope, domain, selectors, system_init, .. } = &mut self.statement;
        match (field.space, field.element) {
            (Space::Scope, 2) | (Space::Iana, 10 | 252) => scope.interface = Some(low_u32(number)),
            (Space::Scope, 3) => scope.line_card = Some(low_u32(number)),
            (Space::Scope, 5) => scope.template = Some(low_u16(number)),
            (Space::Iana, 141) if is_scope => scope.line_card = Some(low_u32(number)),
            (Space::Iana, 145) if is_scope => scope.template = Some(low_u16(number)),
            (Space::Iana, 14 | 253) if is_scope => scope.egress_interface = Some(low_u32(number)),
            (Space::Iana, 149) if is_scope => *domain = Some(low_u32(number)),
            (Space::Iana, 301) => scope.sequence = Some(number),
            (Space::Iana, 302) if scope.sequence.is_some() => selectors.push(number),
            (Space::Iana, 48 | 302) => scope.sampler = Some(number),
            (Space::Iana, 34 | 50) => self.parts.push((Target::OneIn, value)),
            (Space::Iana, 305 | 307) => self.parts.push((Target::PacketInterval, value)),
            (Space::Iana, 306 | 308) => self.parts.push((Target::PacketSpace, value)),
            (Space::Iana, 309) => self.parts.push((Target::SampleSize, value)),
            (Space::Iana, 310) => self.parts.push((Target::Population, value)),
            (Space::Iana, 311) => self.parts.push((Target::Probability, value)),
            (Space::Iana, 35 | 49) => self.algorithm = Some((Registry::Sampling, number)),
            (Space::Iana, 304) => self.algorithm = Some((Registry::Selector, number)),
            (Space::Iana, 160) => {
                let micros = i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(1_000);
                *system_init = Some(Timestamp::from_micros(micros));
            }
            // the exporter, a process of its own or its cache: all that it sends
            (Space::Scope, _) | (Space::Iana, 130 | 131 | 143 | 144 | 211 | 212) => {}
            _ if is_scope => scope.other = true,
            _ => {}
        }
    }

    fn finished(mut self) -> Statement {
        self.parts.sort_by_key(|(target, _)| *target);
        let factor = self.parts.iter().fold(None, |factor, (target, value)| sampled(factor, *target, value));
        let algorithm = self.algorithm.map(|(registry, number)| (Algorithm::of(registry, number), number));
        self.statement.sampling = match (algorithm, factor) {
            (Some((Algorithm::Unknown, algorithm)), Some(factor)) if !factor.is_none() => {
                Some(SamplingStatement::Disbelieved { algorithm, factor })
            }
            // what a filter picked is all there is of its kind, and it may name no factor
            (Some((Algorithm::Filters, _)), _) => Some(SamplingStatement::Factor(Factor::NONE)),
            (_, factor) => factor.map(SamplingStatement::Factor),
        };
        self.statement
    }
}
