//! Messages of IPFIX in a stream of octets, as TCP brings it (RFC 7011, section 10.4).
//!
//! ```text
//! | version 10 | length | ... the rest of the message | version 10 | length | ...
//! ```
//! Each message names its length, and nothing else parts them: once one begins with something else, the stream means nothing
//! any more, and its connection is to be closed.

use thiserror::Error;

const VERSION: u16 = 10;
const HEADER: usize = 16;

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a message begins with version {version} and length {length}; IPFIX over TCP is version 10, of 16 octets or more"
)]
pub struct FramingError {
    /// What stands where the version is expected.
    pub version: u16,
    /// What stands where the length is expected.
    pub length: u16,
}

/// Parts one connection's octets into messages. It holds less than one message, which is at most 65,535 octets.
#[derive(Clone, Debug, Default)]
pub struct Framing {
    begun: Vec<u8>,
}

impl Framing {
    /// Adds octets as they arrive, and passes on each message that is complete.
    ///
    /// # Errors
    /// Fails where no message begins. What came before was handed on; what comes after is not to be read.
    pub fn push(&mut self, octets: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), FramingError> {
        let mut rest = octets;
        // first what was begun, with as much as it lacks
        while !self.begun.is_empty() {
            let length = match message_length(&self.begun)? {
                Some(length) => length,
                None => HEADER,
            };
            let lacking = length.saturating_sub(self.begun.len());
            let (head, after) = rest.split_at(lacking.min(rest.len()));
            self.begun.extend(head);
            rest = after;
            if self.begun.len() < length {
                return message_length(&self.begun).map(drop);
            }
            if message_length(&self.begun)? == Some(self.begun.len()) {
                each(&self.begun);
                self.begun.clear();
            }
        }
        while let Some(length) = message_length(rest)? {
            let Some((message, after)) = rest.split_at_checked(length) else { break };
            each(message);
            rest = after;
        }
        self.begun.extend(rest);
        Ok(())
    }

    /// Returns the octets of the message that has begun.
    pub fn pending(&self) -> usize {
        self.begun.len()
    }
}

/// Returns the length of the message that begins here, once it can be read.
fn message_length(octets: &[u8]) -> Result<Option<usize>, FramingError> {
    let Some([a, b, c, d]) = octets.first_chunk() else { return Ok(None) };
    let (version, length) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
    if version != VERSION || usize::from(length) < HEADER {
        return Err(FramingError { version, length });
    }
    Ok(Some(usize::from(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u16, fill: u8) -> Vec<u8> {
        let mut message = [[0, 10], length.to_be_bytes()].concat();
        message.resize(usize::from(length), fill);
        message
    }

    #[test]
    fn messages_come_out_whole_however_the_octets_are_cut() {
        let messages = [message(16, 1), message(700, 2), message(17, 3), message(65_535, 4)];
        let octets = messages.concat();
        for size in [1, 2, 3, 5, 15, 16, 17, 699, 1_000, 70_000] {
            let (mut framing, mut found) = (Framing::default(), Vec::new());
            for piece in octets.chunks(size) {
                framing.push(piece, |message| found.push(message.to_vec())).unwrap();
                assert!(framing.pending() < 65_535);
            }
            assert_eq!(found, messages, "in pieces of {size}");
            assert_eq!(framing.pending(), 0);
        }
    }

    #[test]
    fn what_is_no_message_ends_the_stream_after_those_before_it() {
        for (version, length) in [(9_u16, 40_u16), (10, 15), (10, 0)] {
            let wrong = [version.to_be_bytes(), length.to_be_bytes()].concat();
            let octets = [message(20, 1), wrong].concat();
            for size in [1, 3, 100] {
                let (mut framing, mut found) = (Framing::default(), 0);
                let ended = octets.chunks(size).try_for_each(|piece| framing.push(piece, |_| found += 1));
                assert_eq!((ended, found), (Err(FramingError { version, length }), 1));
            }
        }
    }
}
