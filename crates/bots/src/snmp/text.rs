//! Octets as text, where they are text.

use std::borrow::Cow;

/// Columns whose octets are addresses of hardware (PhysAddress and MacAddress of RFC 2579): ifPhysAddress,
/// ipNetToMediaPhysAddress, ipNetToPhysicalPhysAddress, dot1dBaseBridgeAddress, dot1dTpFdbAddress.
const HARDWARE_ADDRESSES: [&[u32]; 5] = [
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 6],
    &[1, 3, 6, 1, 2, 1, 4, 22, 1, 2],
    &[1, 3, 6, 1, 2, 1, 4, 35, 1, 4],
    &[1, 3, 6, 1, 2, 1, 17, 1, 1],
    &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 1],
];

/// Whether an object, or the rows of a column, hold addresses of hardware.
pub(super) fn is_hardware_address(oid: &[u32]) -> bool {
    HARDWARE_ADDRESSES.iter().any(|column| oid.starts_with(column))
}

/// Returns octets as a person reads them: text in UTF-8, else in Latin-1, which older devices write, else hexadecimal
/// numbers. Zeros at the end, with which agents fill up, are left out, and one between two words is a blank.
pub(super) fn of_octets(octets: &[u8]) -> Cow<'_, str> {
    let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    let filled = octets.get(..end).unwrap_or_default();
    let is_control = |octet: &u8| octet.is_ascii_control() && !matches!(octet, b'\t' | b'\n' | b'\r');
    if filled.first() == Some(&0) || filled.iter().any(|octet| is_control(octet) && *octet != 0) {
        return hex(octets).into();
    }
    let blank = |text: &str| text.replace('\0', " ");
    match std::str::from_utf8(filled) {
        Ok(text) if text.chars().any(|letter| letter.is_control() && !letter.is_ascii()) => {
            hex(octets).into()
        }
        Ok(text) if text.contains('\0') => blank(text).into(),
        Ok(text) => text.into(),
        Err(_) if is_latin1(filled) => {
            blank(&filled.iter().map(|octet| char::from(*octet)).collect::<String>()).into()
        }
        Err(_) => hex(octets).into(),
    }
}

/// Returns a text in one line for people: what is no character of a text is a blank, and none stands outside.
fn one_line(text: &str) -> String {
    let is_blank =
        |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}');
    let words = text.split(is_blank).map(str::trim).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the octets of a name, which the standard says are text (DisplayString of RFC 2579), in one line.
pub(super) fn of_name(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => one_line(text),
        Err(_) => one_line(&of_octets(octets)),
    }
}

/// Returns octets as hexadecimal numbers: `00-1a-2b`.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join("-")
}

/// Whether octets that are no UTF-8 can be Latin-1: printable, and mostly ASCII, as words of European languages are and
/// addresses are not.
fn is_latin1(octets: &[u8]) -> bool {
    let foreign = octets.iter().filter(|octet| !octet.is_ascii()).count();
    octets.iter().all(|octet| octet.is_ascii() || *octet >= 0xa0) && foreign * 2 <= octets.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_in_either_encoding() {
        for (octets, text) in [
            (&b"eth0/1"[..], "eth0/1"),
            (b"", ""),
            (b"NIC\0\0\0", "NIC"),
            (b"up\0link", "up link"),
            ("Größe".as_bytes(), "Größe"),
            (b"Gr\xf6\xdfe", "Größe"),
            (b"21 \xb0C", "21 °C"),
            (b"two\r\nlines", "two\r\nlines"),
            ("北京".as_bytes(), "北京"),
        ] {
            assert_eq!(of_octets(octets), text);
        }
    }

    #[test]
    fn what_is_no_text_is_hexadecimal() {
        for (octets, hex) in [
            (&[0x00, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e][..], "00-1a-2b-3c-4d-5e"),
            (&[0x9c, 0x8e, 0xcd, 0x20, 0x30, 0x40], "9c-8e-cd-20-30-40"),
            (&[0xa4, 0xb3, 0xc2, 0xd1, 0xe0, 0xf5], "a4-b3-c2-d1-e0-f5"),
            (&[0x0a, 0x00, 0x00, 0x01], "0a-00-00-01"),
            (&[0x00, 0x41, 0x42], "00-41-42"),
            (&[0x1b, 0x5b, 0x41], "1b-5b-41"),
            (&[0xc2, 0x85, 0x41], "c2-85-41"),
            (&[0x07, 0x00, 0x00], "07-00-00"),
        ] {
            assert_eq!(of_octets(octets), hex);
        }
        assert!(is_hardware_address(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 6, 3]));
        assert!(!is_hardware_address(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 2, 3]));
    }

    #[test]
    fn a_name_is_one_line_without_control_characters() {
        for (text, line) in [
            (" eth0 \u{7f}", "eth0"),
            ("up\0link", "up link"),
            ("two\r\nlines\tand tabs", "two lines and tabs"),
            ("\0\0", ""),
            ("a\u{85}b\u{2028}c", "a b c"),
        ] {
            assert_eq!(one_line(text), line, "{text:?}");
            assert_eq!(of_name(text.as_bytes()), line, "{text:?}");
        }
    }
}
