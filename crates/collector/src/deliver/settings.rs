//! The numbers of delivery.

use std::{num::NonZeroU32, time::Duration};

/// The most values in a request: what a real backend stores in a moment; larger ones hold up its other users.
pub const MAX_REQUEST_VALUES: usize = 1_000;

/// The most bytes of JSON in a request: proxies refuse 1 MB.
pub const MAX_REQUEST_BYTES: usize = 900_000;

/// The most bytes of JSON a checked value needs: a path of 200 ASCII characters, two numbers of at most 25
/// characters, and what stands around them. So a batch of [`MAX_REQUEST_VALUES`] can't exceed [`MAX_REQUEST_BYTES`].
const MAX_SAMPLE_BYTES: usize = 200 + 2 * 25 + r#"{"p":"","t":,"v":},"#.len();
const _: () = assert!(
    MAX_REQUEST_VALUES * MAX_SAMPLE_BYTES <= MAX_REQUEST_BYTES,
    "a batch must fit by its count alone"
);

/// Batches taken from the spool at once: enough that the spool is asked rarely, few enough that what is measured
/// meanwhile does not wait long.
pub(super) const REQUESTS_PER_BATCH: usize = 10;

/// Reports accepted within this time are fresh: sent first and at full speed. Older ones are replayed.
pub const FRESH: Duration = Duration::from_mins(2);

/// Values younger than this may be sent by POST, which stamps them with the time of their arrival. Older ones would
/// be stored at a time at which nobody measured them: they stay in the spool until PUT is allowed or its limits
/// drop them.
pub const POST_FRESH: Duration = Duration::from_secs(90);

/// How often it is looked for a new token while the backend refuses the one in use.
pub(super) const TOKEN_LOOK: Duration = Duration::from_secs(10);

/// How often a spool that does not answer is asked again, a second apart, before delivery ends with an error.
pub(super) const MAX_SPOOL_FAILURES: u32 = 10;

/// Where PUT is forbidden it is tried again this often.
pub(super) const PUT_AGAIN: Duration = Duration::from_mins(10);

/// A healthy backend that fails on the same account this often is suspected to choke on one of the values.
pub const SUSPECT_ATTEMPTS: u32 = 3;

/// A value is rejected once it failed alone this often, with a control sample after each time.
pub const REJECTION_ROUNDS: u32 = 5;

/// So many control samples in a row have to be stored before values are rejected: a proxy that goes round fewer backends, of
/// which one is broken, shows itself. Of a backend that fails by chance, whatever its share, less than one good value in
/// 100,000 is rejected.
pub(super) const STEADY_CONTROLS: u32 = 12;

/// Values that fail alone are looked at together when there are this many: a control sample then speaks for all of
/// them, and a backend that takes nothing at all is noticed before it was asked often.
pub(super) const MAX_SUSPECTS: usize = 10;

/// So many requests may fail in a row before a control sample has to show that the backend takes anything.
pub(super) const MAX_FAILURES_IN_A_ROW: usize = 8;

/// Values tried one by one to find a control sample where none is known.
pub(super) const MAX_CONTROLS: usize = 30;

/// Values tried one by one where the known control sample was refused, and while the backend is doubted: few, since
/// that is done again and again.
pub(super) const MAX_DOUBTFUL_CONTROLS: usize = 3;

/// Values of an account of which the backend never took any may be rejected up to this number while it takes those of
/// other accounts.
pub(super) const MAX_UNPROVEN: usize = 10;

/// After so many requests of the largest size that is tried, twice as many values are tried.
pub(super) const REQUESTS_BEFORE_GROWTH: u32 = 100;

/// The first pause after a failure; it doubles up to [`LONGEST_PAUSE`], with jitter.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A backend that is back gets values within this time.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The first pause after a 401 or 403; it doubles up to [`LONGEST_SLOW_PAUSE`]: a person has to mend that.
pub(super) const FIRST_SLOW_PAUSE: Duration = Duration::from_mins(1);

/// A token or a permission that was mended is noticed within this time.
pub(super) const LONGEST_SLOW_PAUSE: Duration = Duration::from_mins(10);

/// While nothing happens the spool looks after itself this often: age limit, dead letters marked by a tool.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long the last attempt to empty the spool may take at a stop.
pub const FLUSH_GRACE: Duration = Duration::from_secs(5);

/// An inventory this young is good enough to compare children and suggestions with.
pub const INVENTORY_AGE: Duration = Duration::from_secs(30);

/// A backend that answered well this short ago is one, so that what it refuses is not its own fault.
pub(super) const PROOF_AGE: Duration = Duration::from_secs(5);

/// An entity that seems to have vanished is read again alone after this time: a real backend shows entities that are
/// half written.
pub(super) const RECHECK_AFTER: Duration = Duration::from_secs(1);

/// Reports about entities taken from the spool at once.
pub(super) const ENTITY_REPORTS_PER_BATCH: usize = 100;

/// Reports of events taken from the spool at once.
pub(super) const EVENT_REPORTS_PER_BATCH: usize = 32;

/// How fast a backend may be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverySettings {
    /// Values a second of the replay after an outage; None replays at full speed, as suits the hub. The default of
    /// 5,000 is what a real backend takes in all.
    pub replay_values_per_second: Option<NonZeroU32>,
    /// Where the jitter of pauses comes from; a simulation sets it.
    pub jitter_seed: u64,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self { replay_values_per_second: NonZeroU32::new(5_000), jitter_seed: rand::random() }
    }
}
