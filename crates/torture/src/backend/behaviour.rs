//! The ways in which a backend, or what stands in between, goes wrong.

use std::time::Duration;

/// What a backend does with requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Answers as documented.
    Sound,
    /// Closes each connection with a reset.
    Resets,
    /// Answers bytes that are no HTTP.
    Garbage,
    /// Reads requests and never answers.
    Silent,
    /// Answers after so long.
    Slow(Duration),
    /// Answers everything with a status.
    Everything(u16),
    /// Answers values with a status, the rest as documented.
    Values(u16),
    /// Answers values with 429 and the seconds to wait.
    RetryAfter(u64),
    /// Answers values with 413 where a body has more bytes.
    TooLarge(usize),
    /// Stores values, and closes the connection before it answers.
    AnswerLost,
    /// Answers everything with a redirect to a page for a login.
    Redirect(u16),
    /// Answers everything with 200 and a page, as a portal does that wants a login.
    Portal,
    /// Answers values with 200 and a page.
    PortalForValues,
    /// Sends lists that end in the middle.
    CutLists,
    /// Says that there is no such account any more.
    AccountGone,
    /// Says that the token is unknown.
    TokenRevoked,
    /// Answers each second request as documented, and the others with 503.
    Flapping,
}
