//! What is kept in NATS, with a checksum of its own.
//!
//! A server whose disk flips a bit can serve a wrong body, or the body of another key, without a sign. So each value
//! carries a checksum over its key and its body; what fails counts as absent, and its owner writes it anew.
//!
//! ```text
//!  0        1           5
//! | format | CRC-32 LE | body ...      the checksum: of the key, a zero byte, and the body
//! ```

use thiserror::Error;

/// The one format there is. Another one is of a newer version that changed how bodies are read, and counts as absent.
const FORMAT: u8 = 1;

const HEAD: usize = 5;

/// Why what was read cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// It ends before its checksum.
    #[error("{0} bytes are too short: expected at least 5")]
    Short(usize),
    /// It is of another format.
    #[error("format {0} is unknown: expected 1, a newer version may have written it")]
    Format(u8),
    /// Key or body are not what was written.
    #[error("the checksum does not match")]
    Checksum,
    /// The body is none.
    #[error("the body is not what was expected")]
    Body,
}

/// Returns a body with its checksum, as it is kept under `key`.
pub fn seal(key: &str, body: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(HEAD + body.len());
    sealed.push(FORMAT);
    sealed.extend_from_slice(&checksum(key, body).to_le_bytes());
    sealed.extend_from_slice(body);
    sealed
}

/// Returns the body that was kept under `key`.
///
/// # Errors
/// Fails if it is not what was written there.
pub fn open<'a>(key: &str, sealed: &'a [u8]) -> Result<&'a [u8], Damage> {
    let (head, body) = sealed.split_at_checked(HEAD).ok_or(Damage::Short(sealed.len()))?;
    let [format, checksum_bytes @ ..] = <[u8; HEAD]>::try_from(head).map_err(|_| Damage::Body)?;
    if format != FORMAT {
        return Err(Damage::Format(format));
    }
    if u32::from_le_bytes(checksum_bytes) != checksum(key, body) {
        return Err(Damage::Checksum);
    }
    Ok(body)
}

fn checksum(key: &str, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key.as_bytes());
    hasher.update(&[0]);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_body_under_another_key_is_damage() {
        let sealed = seal("a1", b"body");
        assert_eq!(open("a1", &sealed), Ok(&b"body"[..]));
        assert_eq!(open("a2", &sealed), Err(Damage::Checksum));
        assert_eq!(open("a1", b"abc"), Err(Damage::Short(3)));
        assert_eq!(open("a1", b"\x02abcdef"), Err(Damage::Format(2)));
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_damage(body in proptest::collection::vec(any::<u8>(), 0..200), place in any::<prop::sample::Index>()) {
            let mut sealed = seal("key", &body);
            let bit = place.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open("key", &sealed).is_err());
        }

        #[test]
        fn nothing_that_is_read_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = open("key", &bytes);
        }
    }
}
