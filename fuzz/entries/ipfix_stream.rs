//! A stream of IPFIX over TCP in pieces of any length. Whatever it holds, the messages that come out are what went in, cut
//! where it says, and no more is kept than one message.
//!
//! ```text
//! | length of the next piece | its octets |  then the next one; the last may be cut short
//! ```

use grafolean_netflow::decode::Framing;

/// Feeds one stream.
pub fn run(data: &[u8]) {
    let (mut framing, mut rest) = (Framing::default(), data);
    let (mut whole, mut found) = (Vec::<u8>::new(), Vec::<u8>::new());
    while let Some((length, after)) = rest.split_first() {
        let (piece, after) = after.split_at(after.len().min(usize::from(*length)));
        whole.extend(piece);
        let pushed = framing.push(piece, |message| {
            assert_eq!(message.get(..2), Some(&[0, 10][..]));
            assert!(message.len() >= 16);
            found.extend(message);
        });
        assert!(whole.starts_with(&found));
        if pushed.is_err() {
            return;
        }
        assert_eq!(found.len() + framing.pending(), whole.len());
        assert!(framing.pending() < 65_536);
        rest = after;
    }
}
