//! A report as bytes.
//!
//! ```text
//!  0      1         9        17         21
//! | 1    | account | time   | count    |  then count x ( length u32 | path, UTF-8 | value f64 )   Values
//! | 2    | JSON of the report                                                                    all others
//! ```
//! All numbers are little-endian. Values have a form of their own since they are nearly everything that is spooled,
//! and since JSON has no NaN: a bad value must survive until delivery looks at it. The checksum (CRC-32) is kept
//! beside the bytes.

use std::str::{self, Utf8Error};

use thiserror::Error;

use crate::{
    model::AccountId,
    report::{Report, Values},
    time::Timestamp,
};

const VALUES: u8 = 1;
const JSON: u8 = 2;
/// A value's bytes beside its path's: the length and the number.
const VALUE_OVERHEAD: usize = 12;
const HEADER: usize = 21;

/// Why bytes are no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes are not those that were written.
    #[error("the checksum of {length} bytes is {computed:08x}, {written:08x} was written")]
    Checksum {
        /// How many bytes.
        length: usize,
        /// What was written beside them.
        written: u32,
        /// What they give.
        computed: u32,
    },
    /// It ends too early.
    #[error("it ends after {0} bytes, in the middle of a value")]
    Short(usize),
    /// More bytes than its values need.
    #[error("{0} bytes follow its last value")]
    Long(usize),
    /// Its row names another account.
    #[error("it is of account {written}, its row says account {found}")]
    Account {
        /// Whose it is.
        written: AccountId,
        /// What stands beside it.
        found: AccountId,
    },
    /// Its row says that it is delivered in another way.
    #[error("its row says that it is delivered in another way")]
    Lane,
    /// A kind that is not known.
    #[error("reports of kind {0} are not known")]
    Kind(u8),
    /// A path that is no text.
    #[error("a path is no text")]
    Text(#[source] Utf8Error),
    /// The JSON of another report can't be read.
    #[error("its JSON can't be read")]
    Json(#[source] serde_json::Error),
}

/// Returns a report's bytes.
pub(super) fn encode(report: &Report) -> Result<Vec<u8>, CodecError> {
    match report {
        Report::Values(values) => Ok(encode_values(values.account, values.time, &values.values)),
        Report::Children(_) | Report::Suggestions(_) | Report::Events(_) => {
            let mut bytes = vec![JSON];
            serde_json::to_writer(&mut bytes, report).map_err(CodecError::Json)?;
            Ok(bytes)
        }
    }
}

/// Returns the bytes of values that are not yet a report.
pub(super) fn encode_values(account: AccountId, time: Timestamp, values: &[(String, f64)]) -> Vec<u8> {
    let size: usize = values.iter().map(|(path, _)| path.len() + VALUE_OVERHEAD).sum();
    let mut bytes = Vec::with_capacity(HEADER + size);
    bytes.push(VALUES);
    bytes.extend_from_slice(&account.number().to_le_bytes());
    bytes.extend_from_slice(&time.micros().to_le_bytes());
    bytes.extend_from_slice(&length(values.len()).to_le_bytes());
    for (path, value) in values {
        bytes.extend_from_slice(&length(path.len()).to_le_bytes());
        bytes.extend_from_slice(path.as_bytes());
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Four gigabytes of path or four billion values do not fit into memory as a report; reading would refuse them.
fn length(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

/// Returns the checksum that is kept beside the bytes.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Reads a report, after its checksum.
pub(super) fn decode(bytes: &[u8], written: u32) -> Result<Report, CodecError> {
    let computed = checksum(bytes);
    if computed != written {
        return Err(CodecError::Checksum { length: bytes.len(), written, computed });
    }
    match bytes.split_first() {
        Some((&VALUES, body)) => decode_values(body).map(Report::Values),
        Some((&JSON, body)) => serde_json::from_slice(body).map_err(CodecError::Json),
        Some((&kind, _)) => Err(CodecError::Kind(kind)),
        None => Err(CodecError::Short(0)),
    }
}

fn decode_values(body: &[u8]) -> Result<Values, CodecError> {
    let mut reader = Reader { left: body, whole: body.len() };
    let account = AccountId::new(i64::from_le_bytes(reader.array()?));
    let time = Timestamp::from_micros(i64::from_le_bytes(reader.array()?));
    let count = reader.length()?;
    // A count that lies must not reserve more than its bytes can hold.
    let mut values = Vec::with_capacity(count.min(reader.left.len() / VALUE_OVERHEAD));
    for _ in 0..count {
        let length = reader.length()?;
        let path = str::from_utf8(reader.bytes(length)?).map_err(CodecError::Text)?;
        values.push((path.to_owned(), f64::from_le_bytes(reader.array()?)));
    }
    if reader.left.is_empty() {
        Ok(Values { account, time, values })
    } else {
        Err(CodecError::Long(reader.left.len()))
    }
}

struct Reader<'a> {
    left: &'a [u8],
    whole: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (taken, left) = self.left.split_at_checked(count).ok_or(CodecError::Short(self.whole))?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, left) = self.left.split_first_chunk().ok_or(CodecError::Short(self.whole))?;
        self.left = left;
        Ok(*taken)
    }

    fn length(&mut self) -> Result<usize, CodecError> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| CodecError::Short(self.whole))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        model::{Details, EntityId, NewEntity},
        report::{Child, Children, Suggestions},
    };

    fn details() -> Details {
        [("snmp_index".to_owned(), "7".into())].into_iter().collect()
    }

    #[test]
    fn children_and_suggestions_come_back_as_they_went() {
        let children = Report::Children(Children {
            account: AccountId::new(3),
            parent: EntityId::new(9),
            time: Timestamp::from_seconds(1_700_000_000),
            entity_type: "interface".to_owned(),
            key: "snmp_index".to_owned(),
            children: vec![Child { name: "eth0".to_owned(), details: details() }],
        });
        let suggestions = Report::Suggestions(Suggestions {
            account: AccountId::new(3),
            key: "ipv4".to_owned(),
            entities: vec![NewEntity {
                name: "192.0.2.1 (NetFlow exporter)".to_owned(),
                entity_type: "device".to_owned(),
                parent: None,
                details: details(),
            }],
        });
        for report in [children, suggestions] {
            let bytes = encode(&report).unwrap();
            assert_eq!(decode(&bytes, checksum(&bytes)).unwrap(), report);
        }
    }

    proptest! {
        #[test]
        fn values_come_back_bit_by_bit_even_bad_ones(
            account: i64,
            micros: i64,
            values in prop::collection::vec((".{0,40}", any::<u64>().prop_map(f64::from_bits)), 0..20),
        ) {
            let time = Timestamp::from_micros(micros);
            let bytes = encode_values(AccountId::new(account), time, &values);
            let Report::Values(read) = decode(&bytes, checksum(&bytes)).unwrap() else { panic!("no values") };
            prop_assert_eq!((read.account.number(), read.time), (account, time));
            let bits = |all: &[(String, f64)]| -> Vec<_> {
                all.iter().map(|(path, value)| (path.clone(), value.to_bits())).collect()
            };
            prop_assert_eq!(bits(&read.values), bits(&values));
        }

        #[test]
        fn a_flipped_bit_is_noticed(values in prop::collection::vec(("[a-z.]{1,20}", -1e9..1e9), 1..5), at: prop::sample::Index, bit in 0..8) {
            let mut bytes = encode_values(AccountId::new(1), Timestamp::from_seconds(5), &values);
            let written = checksum(&bytes);
            *at.get_mut(&mut bytes) ^= 1_u8 << bit;
            let noticed = matches!(decode(&bytes, written), Err(CodecError::Checksum { .. }));
            prop_assert!(noticed);
        }

        #[test]
        fn no_bytes_make_it_panic_or_reserve_much(mut bytes: Vec<u8>, kind in 0_u8..4) {
            bytes.insert(0, kind);
            let _ = decode(&bytes, checksum(&bytes));
        }
    }
}
