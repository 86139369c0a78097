//! Options data: what an exporter says about itself. Of it the sampling is taken, and when the system started.

use grafolean_time::Timestamp;

use super::{
    definition::{Definition, Field, Space},
    details::{application, text},
    element::Target,
    reader::{low_u32, unsigned},
    record::{Records, sampled, split_value},
};
use crate::{
    names::Named,
    record::{ApplicationId, Factor},
};

/// One record of options data that tells a sampling or the time a system started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statement {
    /// Sampler or selector that it is about.
    pub sampler: Option<u64>,
    /// Interface that it is about.
    pub interface: Option<u32>,
    /// The sampling.
    pub factor: Option<Factor>,
    /// systemInitTimeMilliseconds (160): from when the domain's uptimes count.
    pub system_init: Option<Timestamp>,
}

/// NetFlow v9's scope "interface".
const SCOPE_INTERFACE: u16 = 2;

/// Reads the records of options data and hands on what each says.
pub(crate) fn read_options(
    definition: &Definition,
    set: &[u8],
    mut each: impl FnMut(&Statement, &[Named<'_>]),
) -> Records {
    let mut records = Records::default();
    let shortest = definition.shortest().max(1);
    let mut rest = set;
    while rest.len() >= shortest {
        let mut statement = Statement::default();
        let mut parts: Vec<(Target, &[u8])> = Vec::new();
        let mut names = NameFields::default();
        for field in &definition.fields {
            let Some((value, after)) = split_value(field.length, rest) else {
                records.cut = rest.iter().any(|&octet| octet != 0);
                return records;
            };
            rest = after;
            note(&mut statement, &mut parts, field, value);
            names.note(field, value);
        }
        parts.sort_by_key(|(target, _)| *target);
        statement.factor = parts.iter().fold(None, |factor, (target, value)| sampled(factor, *target, value));
        records.count += 1;
        each(&statement, &names.named(statement.interface));
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

fn note<'a>(statement: &mut Statement, parts: &mut Vec<(Target, &'a [u8])>, field: &Field, value: &'a [u8]) {
    let number = unsigned(value);
    match (field.space, field.element) {
        _ if value.is_empty() => {}
        (Space::Scope, SCOPE_INTERFACE) | (Space::Iana, 10) => statement.interface = Some(low_u32(number)),
        (Space::Iana, 48 | 302) => statement.sampler = Some(number),
        (Space::Iana, 34 | 50) => parts.push((Target::OneIn, value)),
        (Space::Iana, 305) => parts.push((Target::PacketInterval, value)),
        (Space::Iana, 306) => parts.push((Target::PacketSpace, value)),
        (Space::Iana, 309) => parts.push((Target::SampleSize, value)),
        (Space::Iana, 310) => parts.push((Target::Population, value)),
        (Space::Iana, 311) => parts.push((Target::Probability, value)),
        (Space::Iana, 160) => {
            let micros = i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(1_000);
            statement.system_init = Some(Timestamp::from_micros(micros));
        }
        _ => {}
    }
}
