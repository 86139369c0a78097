//! What is measured, and not stored.

use super::{super::Link, Cause, Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        Cause::DiskFull,
        "disk_full",
        Link::Queue,
        "The bot cannot write its queue to the disk.",
        "Make room on the disk of the bot.",
    ),
    row(
        Cause::QueueFull,
        "queue_full",
        Link::Queue,
        "The queue of the bot is full, and the oldest values are dropped.",
        "Bring the backend back, or let the queue be larger (spool_max_size).",
    ),
    row(
        Cause::NoWriteRight,
        "no_write_right",
        Link::Delivery,
        "The bot may not store values in the account.",
        "Give the bot PUT and POST on the account's values.",
    ),
    row(
        Cause::PathRefused,
        "path_refused",
        Link::Delivery,
        "The value is refused and kept as a dead letter.",
        "Correct the path or the value, then retry or drop the dead letter.",
    ),
    row(
        Cause::BackendRefuses,
        "backend_refuses",
        Link::Delivery,
        "The backend takes no value of the account.",
        "Look at the answer of the backend and at its log.",
    ),
    row(
        Cause::BackendFails,
        "backend_fails",
        Link::Delivery,
        "The backend fails on what is sent to it.",
        "Look at the log of the backend.",
    ),
    row(
        Cause::BackendBusy,
        "backend_busy",
        Link::Delivery,
        "The backend asks for patience.",
        "Wait, or give the backend more room.",
    ),
    row(
        Cause::BotClock,
        "bot_clock",
        Link::Stored,
        "The clock of the bot's machine is wrong, so that values are stored at wrong times.",
        "Set the clock of the bot's machine by NTP.",
    ),
    row(
        Cause::RangeTooShort,
        "range_too_short",
        Link::Stored,
        "The range that is shown is shorter than the interval of the value.",
        "Choose a longer range, or a shorter interval of the sensor.",
    ),
    row(
        Cause::RetentionPassed,
        "retention_passed",
        Link::Stored,
        "The range that is shown lies before what the hub keeps.",
        "Choose a later range, or let the hub keep values longer (hub_retention).",
    ),
    row(
        Cause::NotStored,
        "not_stored",
        Link::Stored,
        "The bot delivers values, but none is stored at this path.",
        "Look at the paths that are stored for the entity.",
    ),
    row(Cause::Unknown, "unknown", Link::Stored, "The cause is not known.", "Look at the log of the bot."),
];
