//! How much of what was sent was seen.

/// Units (flows, data records or datagrams, as the exporter numbers them) seen and lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Units that arrived and were decoded.
    pub seen: u64,
    /// Units known to be sent that did not arrive, or could not be decoded.
    pub lost: u64,
}

impl Coverage {
    /// Gives seen / (seen + lost), from 0.0 to 1.0; `None` when nothing is known to have been sent.
    pub fn ratio(self) -> Option<f64> {
        let sent = self.seen + self.lost;
        (sent > 0).then(|| self.seen as f64 / sent as f64)
    }
}
