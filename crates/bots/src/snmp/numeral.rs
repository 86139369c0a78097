//! Numbers that agents write as text: `23.5`, `-9.7 dBm`, `40%`.

/// Words that may follow a number without a blank between them. Any other would make a number of `3Com`.
const UNITS: &[&str] = &[
    "%", "a", "c", "db", "dbm", "f", "g", "hz", "k", "khz", "kw", "ma", "mhz", "mv", "mw", "rpm", "v", "va",
    "w",
];

/// Returns the number at the beginning of a text if nothing but a unit or words without digits follow. So an address, a
/// time of day and a version are none.
pub(super) fn numeral(octets: &[u8]) -> Option<f64> {
    let text = octets.split(|octet| *octet == 0).next()?.trim_ascii();
    let (number, rest) = text.split_at_checked(length(text))?;
    let is_unit = |word: &[u8]| UNITS.iter().any(|unit| unit.as_bytes().eq_ignore_ascii_case(word));
    let word = rest.split(|octet| !octet.is_ascii_alphanumeric()).next()?;
    if rest.iter().any(u8::is_ascii_digit) || rest.contains(&b'.') || !(word.is_empty() || is_unit(word)) {
        return None;
    }
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// How far a decimal number reaches: sign, digits, fraction, exponent. 0 if there is none.
fn length(text: &[u8]) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|octet| octet.is_ascii_digit()).count()
    };
    let first = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(first);
    let fraction = if text.get(whole) == Some(&b'.') { digits(whole + 1) } else { whole };
    // A point alone is no number, and one at the end is a full stop.
    if fraction - first <= 1 && whole == first {
        return 0;
    }
    let sign = fraction + 1 + usize::from(matches!(text.get(fraction + 1), Some(b'+' | b'-')));
    match text.get(fraction) {
        Some(b'e' | b'E') if digits(sign) > sign => digits(sign),
        _ => fraction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_their_units_are_numbers() {
        for (text, expected) in [
            ("42", 42.0),
            (" -9.7dBm", -9.7),
            ("0.151187 A \0", 0.151187),
            ("40%", 40.0),
            ("18% of maximum", 18.0),
            ("-3.4 dBm: Normal", -3.4),
            ("1.5e3", 1_500.0),
            ("+.5", 0.5),
            ("0\0", 0.0),
        ] {
            assert_eq!(numeral(text.as_bytes()), Some(expected), "{text:?}");
        }
        assert_eq!(numeral(b" 61\xa2XC"), Some(61.0));
    }

    #[test]
    fn names_addresses_versions_and_times_are_none() {
        for text in [
            "", "-", ".", "eth0", "3Com", "10.0.0.1", "12:30", "15.1.2", "1 of 2", "7e", "0x1f", "inf", "NaN",
        ] {
            assert_eq!(numeral(text.as_bytes()), None, "{text:?}");
        }
    }
}
