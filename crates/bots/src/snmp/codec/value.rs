//! Values on the wire.

use super::{ber::tag, number, oid};
use crate::snmp::{Exception, Value};

/// Reads a value of its type and content. One that cannot be meant in one way only is [`Value::Unreadable`].
pub(super) fn decode(tag: u8, content: &[u8]) -> Result<Value, Exception> {
    let read = match tag {
        tag::INTEGER => number::signed(content).and_then(integer).ok_or("INTEGER"),
        tag::OCTETS | tag::NSAP => Ok(Value::Octets(content.into())),
        tag::OID => oid::decode(content).map(Value::Oid).ok_or("OBJECT IDENTIFIER"),
        tag::ADDRESS => content.try_into().map(Value::Address).map_err(|_| "IpAddress"),
        tag::COUNTER32 => number::unsigned32(content).map(Value::Counter32).ok_or("Counter32"),
        tag::GAUGE32 | tag::UINTEGER32 => number::unsigned32(content).map(Value::Gauge32).ok_or("Gauge32"),
        tag::TIME_TICKS => number::unsigned32(content).map(Value::TimeTicks).ok_or("TimeTicks"),
        tag::OPAQUE => Ok(Value::Opaque(content.into())),
        tag::COUNTER64 => number::unsigned64(content).map(Value::Counter64).ok_or("Counter64"),
        tag::NO_SUCH_OBJECT => return Err(Exception::NoSuchObject),
        tag::NO_SUCH_INSTANCE => return Err(Exception::NoSuchInstance),
        tag::END_OF_MIB_VIEW => return Err(Exception::EndOfMibView),
        _ => Ok(Value::Unknown),
    };
    Ok(read.unwrap_or_else(Value::Unreadable))
}

/// Agents that keep unsigned numbers in an INTEGER write what 31 bits do not hold; the number is clear.
fn integer(number: i64) -> Option<Value> {
    let small = i32::try_from(number).map(Value::Integer);
    small.or_else(|_| u32::try_from(number).map(Value::Gauge32)).ok()
}

/// Whether a value of this type may be cut at the end of what it lies in: agents with a too small buffer cut text,
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
        for (tag, content, kind) in [
            (0x02, &[1, 0, 0, 0, 0][..], "INTEGER"),
            (0x02, &[], "INTEGER"),
            (0x02, &[0x80, 0, 0, 0, 0], "INTEGER"),
            (0x06, &[0x86], "OBJECT IDENTIFIER"),
            (0x40, &[192, 0, 2], "IpAddress"),
            (0x40, &[], "IpAddress"),
            (0x40, &[0, 192, 0, 2, 1], "IpAddress"),
            (0x41, &[1, 0, 0, 0, 0], "Counter32"),
            (0x41, &[], "Counter32"),
            (0x42, &[], "Gauge32"),
            (0x42, &[0xff, 0x7f, 0, 0, 0], "Gauge32"),
            (0x43, &[], "TimeTicks"),
            (0x43, &[1, 0, 0, 0, 0], "TimeTicks"),
            (0x46, &[], "Counter64"),
            (0x46, &[1, 0, 0, 0, 0, 0, 0, 0, 0], "Counter64"),
            (0x46, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "Counter64"),
            (0x47, &[], "Gauge32"),
        ] {
            assert_eq!(decode(tag, content), Ok(Value::Unreadable(kind)), "{tag:#04x} {content:?}");
        }
        assert_eq!(decode(0x05, &[]), Ok(Value::Unknown));
        assert_eq!(decode(0x77, &[1]), Ok(Value::Unknown));
    }

    #[test]
    fn zeros_in_front_of_a_number_say_nothing() {
        for (tag, value) in [
            (0x02, Value::Integer(7)),
            (0x41, Value::Counter32(7)),
            (0x42, Value::Gauge32(7)),
            (0x43, Value::TimeTicks(7)),
            (0x46, Value::Counter64(7)),
            (0x47, Value::Gauge32(7)),
        ] {
            for zeros in [0, 1, 4, 9, 20] {
                assert_eq!(decode(tag, &[vec![0; zeros], vec![7]].concat()), Ok(value.clone()), "{tag:#04x}");
            }
        }
    }
}
