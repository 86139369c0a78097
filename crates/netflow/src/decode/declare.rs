//! Template sets: what records will look like.

use super::{
    definition::{Declaration, Definition, Field, Space},
    error::DecodeError,
    reader::Reader,
};
use crate::record::Protocol;

/// Ids below this name kinds of sets, not templates.
pub(crate) const FIRST_TEMPLATE: u16 = 256;

/// What a set is, by its id (RFC 3954 section 5.2, RFC 7011 section 3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetKind {
    /// Templates of flows.
    Templates,
    /// Templates of options, as NetFlow v9 writes them.
    Options9,
    /// Templates of options, as IPFIX writes them.
    OptionsIpfix,
    /// Records of a template.
    Data,
    /// An id that means nothing.
    Reserved,
}

impl SetKind {
    /// Returns what a set is. NetFlow v9's ids 0 and 1 are also understood in IPFIX, where some exporters use them.
    pub(crate) const fn of(protocol: Protocol, id: u16) -> Self {
        match (protocol, id) {
            (Protocol::Netflow9 | Protocol::Ipfix, 0) | (Protocol::Ipfix, 2) => Self::Templates,
            (Protocol::Netflow9 | Protocol::Ipfix, 1) => Self::Options9,
            (Protocol::Ipfix, 3) => Self::OptionsIpfix,
            (_, FIRST_TEMPLATE..) => Self::Data,
            _ => Self::Reserved,
        }
    }
}

/// Goes over the templates that a set declares. The first that cannot be read ends it; one that is only of no use does not.
pub(crate) fn declarations(
    protocol: Protocol,
    kind: SetKind,
    body: &[u8],
) -> impl Iterator<Item = Result<Declaration, DecodeError>> {
    let mut reader = Reader::new(body);
    let mut failed = false;
    std::iter::from_fn(move || {
        // what is shorter than any template, or all zero, is padding
        if failed || reader.rest().len() < 4 || reader.rest().iter().all(|&octet| octet == 0) {
            return None;
        }
        let read = match kind {
            SetKind::Options9 => options9(&mut reader),
            _ => template(&mut reader, protocol, kind),
        };
        failed = read.is_err();
        Some(read.and_then(useful))
    })
}

/// ```text
/// | template id    | field count    |  then the fields            RFC 3954, section 5.2; RFC 7011, section 3.4.1
/// | template id    | field count    | scope count | fields ...    options of IPFIX, RFC 7011, section 3.4.2.2
/// ```
fn template(reader: &mut Reader<'_>, protocol: Protocol, kind: SetKind) -> Result<Declaration, DecodeError> {
    let (id, count) = pair(reader)?;
    if count == 0 && protocol == Protocol::Ipfix {
        return match id {
            2 => Ok(Declaration::WithdrawFlows),
            3 => Ok(Declaration::WithdrawOptions),
            id => Ok(Declaration::Withdraw(id)),
        };
    }
    let scopes = match kind {
        SetKind::OptionsIpfix => {
            Some(reader.u16().ok_or(DecodeError::Template { id, why: "it ends before its scopes" })?)
        }
        _ => None,
    };
    let fields = read_fields(reader, id, usize::from(count), protocol == Protocol::Ipfix)?;
    possible(Definition { id, scopes, fields })
}

/// ```text
/// | template id    | octets of scopes | octets of options | then the scopes, then the options     RFC 3954, section 6.1
/// ```
fn options9(reader: &mut Reader<'_>) -> Result<Declaration, DecodeError> {
    let (id, scope_octets) = pair(reader)?;
    let option_octets =
        reader.u16().ok_or(DecodeError::Template { id, why: "it ends before its options" })?;
    let mut fields = read_fields(reader, id, usize::from(scope_octets / 4), false)?;
    for field in &mut fields {
        field.space = Space::Scope;
    }
    let scopes = scope_octets / 4;
    fields.extend(read_fields(reader, id, usize::from(option_octets / 4), false)?);
    possible(Definition { id, scopes: Some(scopes), fields })
}

fn pair(reader: &mut Reader<'_>) -> Result<(u16, u16), DecodeError> {
    let length = reader.rest().len();
    (|| Some((reader.u16()?, reader.u16()?)))().ok_or(DecodeError::Truncated { what: "a template", length })
}

fn read_fields(
    reader: &mut Reader<'_>,
    id: u16,
    count: usize,
    enterprises: bool,
) -> Result<Vec<Field>, DecodeError> {
    let fault = DecodeError::Template { id, why: "it has fewer fields than it says" };
    if reader.rest().len() < count * 4 {
        return Err(fault);
    }
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let (element, length) = pair(reader).map_err(|_| fault)?;
        let space = if enterprises && element & 0x8000 != 0 {
            Space::Enterprise(reader.u32().ok_or(fault)?)
        } else {
            Space::Iana
        };
        fields.push(Field { space, element: if enterprises { element & 0x7FFF } else { element }, length });
    }
    Ok(fields)
}

/// Accepts a template that is plausible; one that is not is a sign that its set is not read where it should be.
fn possible(definition: Definition) -> Result<Declaration, DecodeError> {
    let id = definition.id;
    if id < FIRST_TEMPLATE {
        return Err(DecodeError::Template { id, why: "ids below 256 are reserved" });
    }
    if definition.shortest() > usize::from(u16::MAX) {
        return Err(DecodeError::Template { id, why: "its records would not fit a message" });
    }
    Ok(Declaration::Define(definition))
}

/// Accepts a template whose records have any octets.
fn useful(declaration: Declaration) -> Result<Declaration, DecodeError> {
    match declaration {
        Declaration::Define(definition) if definition.shortest() == 0 => {
            Err(DecodeError::Template { id: definition.id, why: "its records would have no octets" })
        }
        declaration => Ok(declaration),
    }
}
