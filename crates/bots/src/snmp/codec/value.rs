//! Values on the wire.

use super::{ber::tag, number, oid};
use crate::snmp::{Exception, Value};

/// Reads a value of its type and content. One that cannot be meant in one way only is [`Value::Unknown`].
pub(super) fn decode(tag: u8, content: &[u8]) -> Result<Value, Exception> {
    Ok(match tag {
        tag::INTEGER => number::signed(content).map_or(Value::Unknown, integer),
        tag::OCTETS | tag::NSAP => Value::Octets(content.into()),
        tag::OID => oid::decode(content).map_or(Value::Unknown, Value::Oid),
        tag::ADDRESS => content.try_into().map_or(Value::Unknown, Value::Address),
        tag::COUNTER32 => number::unsigned32(content).map_or(Value::Unknown, Value::Counter32),
        tag::GAUGE32 | tag::UINTEGER32 => number::unsigned32(content).map_or(Value::Unknown, Value::Gauge32),
        tag::TIME_TICKS => number::unsigned32(content).map_or(Value::Unknown, Value::TimeTicks),
        tag::OPAQUE => Value::Opaque(content.into()),
        tag::COUNTER64 => number::unsigned64(content).map_or(Value::Unknown, Value::Counter64),
        tag::NO_SUCH_OBJECT => return Err(Exception::NoSuchObject),
        tag::NO_SUCH_INSTANCE => return Err(Exception::NoSuchInstance),
        tag::END_OF_MIB_VIEW => return Err(Exception::EndOfMibView),
        _ => Value::Unknown,
    })
}

/// Agents that keep unsigned numbers in an INTEGER write what 31 bits do not hold; the number is clear.
fn integer(number: i64) -> Value {
    let small = i32::try_from(number).map(Value::Integer);
    small.or_else(|_| u32::try_from(number).map(Value::Gauge32)).unwrap_or(Value::Unknown)
}

/// Tells whether a value of this type may be cut at the end of what it lies in: agents with a too small buffer cut text,
/// but leave the length as it was.
pub(super) const fn may_be_cut(tag: u8) -> bool {
    matches!(tag, tag::OCTETS | tag::OPAQUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_read() {
        for (tag, content, value) in [
            (0x02, &[0xff, 0xfe][..], Value::Integer(-2)),
            (0x04, b"text", Value::Octets((*b"text").into())),
            (0x06, &[0x2b, 6], Value::Oid("1.3.6".parse().unwrap())),
            (0x40, &[192, 0, 2, 1], Value::Address([192, 0, 2, 1])),
            (0x41, &[0xff, 0xff, 0xff, 0xff], Value::Counter32(u32::MAX)),
            (0x42, &[0, 0xff, 0xff, 0xff, 0xff], Value::Gauge32(u32::MAX)),
            (0x43, &[5], Value::TimeTicks(5)),
            (0x44, &[0x9f, 0x78], Value::Opaque([0x9f, 0x78].into())),
            (0x46, &[0xff; 8], Value::Counter64(u64::MAX)),
            (0x47, &[7], Value::Gauge32(7)),
        ] {
            assert_eq!(decode(tag, content), Ok(value), "{tag:#04x}");
        }
        assert_eq!(decode(0x80, &[]), Err(Exception::NoSuchObject));
        assert_eq!(decode(0x81, &[]), Err(Exception::NoSuchInstance));
        assert_eq!(decode(0x82, &[]), Err(Exception::EndOfMibView));
    }

    #[test]
    fn what_can_mean_several_things_means_nothing() {
        assert_eq!(decode(0x02, &[0, 0xff, 0xff, 0xff, 0xff]), Ok(Value::Gauge32(u32::MAX)));
        for (tag, content) in [
            (0x02, &[1, 0, 0, 0, 0][..]),
            (0x02, &[]),
            (0x05, &[]),
            (0x06, &[0x86]),
            (0x40, &[192, 0, 2]),
            (0x41, &[1, 0, 0, 0, 0]),
            (0x77, &[1]),
        ] {
            assert_eq!(decode(tag, content), Ok(Value::Unknown), "{tag:#04x} {content:?}");
        }
    }
}
