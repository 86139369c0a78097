//! Messages of NetFlow v9 and IPFIX: a header, then sets.

use grafolean_time::Timestamp;

use super::{
    declare::{SetKind, declarations},
    error::DecodeError,
    moment::Exported,
    reader::Reader,
};
use crate::record::Protocol;

const SET_HEADER: usize = 4;

/// A message's header and the octets of its sets.
///
/// ```text
/// 0                16               32
/// | version 9      | record count   |
/// | uptime in ms                    |
/// | seconds since 1970              |
/// | sequence: datagrams             |
/// | source id                       |                          RFC 3954, section 5.1
///
/// | version 10     | length         |
/// | export time, seconds since 1970 |
/// | sequence: data records          |
/// | observation domain              |                          RFC 7011, section 3.1
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) exported: Exported,
    pub(crate) sequence: u32,
    pub(crate) domain: u32,
    pub(crate) sets: &'a [u8],
    /// Octets of the sets by the header's word; one that begins within them is read by its own.
    announced: usize,
    /// Whether the message says it is longer than its datagram.
    pub(crate) truncated: bool,
}

impl<'a> Message<'a> {
    /// Reads the header of NetFlow v9, whose version has been looked at.
    pub(crate) fn netflow9(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let fields = (|| {
            let _version_and_count = reader.u32()?;
            Some((reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?))
        })();
        let (uptime_ms, seconds, sequence, domain) =
            fields.ok_or(truncated("the header of NetFlow v9", payload))?;
        Ok(Self {
            protocol: Protocol::Netflow9,
            exported: Exported {
                at: Timestamp::from_seconds(i64::from(seconds)),
                uptime_ms: Some(uptime_ms),
            },
            sequence,
            domain,
            sets: reader.rest(),
            announced: reader.rest().len(),
            truncated: false,
        })
    }

    /// Reads the header of IPFIX, whose version has been looked at.
    pub(crate) fn ipfix(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let fields = (|| {
            let _version = reader.u16()?;
            Some((reader.u16()?, reader.u32()?, reader.u32()?, reader.u32()?))
        })();
        let (length, seconds, sequence, domain) = fields.ok_or(truncated("the header of IPFIX", payload))?;
        let header = payload.len() - reader.rest().len();
        let length = usize::from(length);
        // less than a header cannot be meant: some write the count of NetFlow v9 there
        let announced = length.checked_sub(header).unwrap_or(reader.rest().len());
        Ok(Self {
            protocol: Protocol::Ipfix,
            exported: Exported { at: Timestamp::from_seconds(i64::from(seconds)), uptime_ms: None },
            sequence,
            domain,
            sets: reader.rest(),
            announced,
            truncated: length > payload.len() || length < header,
        })
    }

    /// Goes over the sets. The first fault ends it.
    pub(crate) fn sets(&self) -> impl Iterator<Item = Result<Set<'a>, DecodeError>> + use<'a> {
        let mut reader = Reader::new(self.sets);
        let mut failed = false;
        let unannounced = self.sets.len().saturating_sub(self.announced);
        let (protocol, octets) = (self.protocol, self.sets.len());
        std::iter::from_fn(move || {
            if failed || reader.rest().len() <= unannounced || reader.rest().iter().all(|&octet| octet == 0) {
                // some exporters fill their datagrams up with zeros
                return None;
            }
            skip_uncounted_padding(&mut reader, octets, protocol);
            let set = next_set(&mut reader);
            failed = set.is_err();
            Some(set)
        })
    }
}

/// One set: records of one template, or templates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set<'a> {
    pub(crate) id: u16,
    pub(crate) body: &'a [u8],
}

/// Padding belongs into a set's length (RFC 7011, section 3.3.1), but some exporters leave it out, and others do not pad at all
/// (RFC 3954, section 5.3 only says that they should). Where a set ends at no multiple of four octets, the header right behind
/// it is tried first; if none can be meant there, what is zero up to the next multiple of four is passed over.
fn skip_uncounted_padding(reader: &mut Reader<'_>, octets: usize, protocol: Protocol) {
    let mut beyond = *reader;
    let at = octets - reader.rest().len();
    let padding = beyond.take(at.next_multiple_of(4) - at).unwrap_or_default();
    if padding.is_empty() || padding.iter().any(|&octet| octet != 0) || is_plausible(*reader, protocol) {
        return;
    }
    if is_plausible(beyond, protocol) {
        *reader = beyond;
    }
}

/// Whether a set can begin here: it fits, and its id means something; one of templates begins with a template that can be.
fn is_plausible(mut reader: Reader<'_>, protocol: Protocol) -> bool {
    let Ok(set) = next_set(&mut reader) else { return false };
    match SetKind::of(protocol, set.id) {
        SetKind::Reserved => false,
        SetKind::Data => true,
        kind => declarations(protocol, kind, set.body).next().is_some_and(|first| first.is_ok()),
    }
}

fn next_set<'a>(reader: &mut Reader<'a>) -> Result<Set<'a>, DecodeError> {
    let left = reader.rest().len();
    let (id, length) = (|| Some((reader.u16()?, reader.u16()?)))()
        .ok_or(DecodeError::Truncated { what: "a set's header", length: left })?;
    let fault = DecodeError::SetLength { id, length, left };
    let body = usize::from(length).checked_sub(SET_HEADER).ok_or(fault)?;
    let body = reader.take(body).ok_or(fault)?;
    Ok(Set { id, body })
}

fn truncated(what: &'static str, payload: &[u8]) -> DecodeError {
    DecodeError::Truncated { what, length: payload.len() }
}
