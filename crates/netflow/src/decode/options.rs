//! Options data: what an exporter says about itself. Of it the sampling is taken, and when the system started.

use grafolean_time::Timestamp;

use super::{
    element::Target,
    reader::{low_u32, unsigned},
    record::{Records, sampled, split_value},
};
use crate::{
    sampling::Statement,
    template::{Definition, Field, Space},
};

/// NetFlow v9's scope "interface".
const SCOPE_INTERFACE: u16 = 2;

/// Reads the records of options data and hands on what each says.
pub(crate) fn read_options(definition: &Definition, set: &[u8], mut each: impl FnMut(&Statement)) -> Records {
    let mut records = Records::default();
    let shortest = definition.shortest().max(1);
    let mut rest = set;
    while rest.len() >= shortest {
        let mut statement = Statement::default();
        let mut parts: Vec<(Target, &[u8])> = Vec::new();
        for field in &definition.fields {
            let Some((value, after)) = split_value(field.length, rest) else {
                records.cut = rest.iter().any(|&octet| octet != 0);
                return records;
            };
            rest = after;
            note(&mut statement, &mut parts, field, value);
        }
        parts.sort_by_key(|(target, _)| *target);
        statement.factor = parts.iter().fold(None, |factor, (target, value)| sampled(factor, *target, value));
        records.count += 1;
        each(&statement);
    }
    records
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
