//! Operations on what devices tell by themselves, and on networks that are scanned for them.

use super::{
    operations::{
        Body::{Json, Nothing},
        Method::{Delete, Post, Put},
        Operation, asking, operation, read,
    },
    queries::{COUNT, NUMBER, WORD, query},
};

/// All of them.
pub(super) const ALL: &[Operation] = &[
    asking(
        &[
            query("entity", NUMBER, "The id of a device"),
            query("name", WORD, "Words that the name has"),
            query("from", NUMBER, "Not before this time"),
            query("before", NUMBER, "Before this time"),
            query("limit", COUNT, "The most events"),
        ],
        read(
            "/hub/accounts/{account_id}/device-events",
            "What devices told by themselves, the newest first",
            "List",
        ),
    ),
    operation(
        Put,
        "/hub/accounts/{account_id}/device-events",
        "Stores what devices told by themselves; an event of an id that is known changes nothing",
        Json("DeviceEvents"),
        ("200", "How many were new", Json("Object")),
    ),
    read(
        "/hub/accounts/{account_id}/discovery",
        "The scan of networks that goes on, and what the last one found",
        "Object",
    ),
    operation(
        Post,
        "/hub/accounts/{account_id}/discovery",
        "Scans networks for devices if it is confirmed, else says how much would be asked",
        Json("Discovery"),
        ("200", "How much would be asked; 202 once it was begun", Json("Object")),
    ),
    operation(
        Delete,
        "/hub/accounts/{account_id}/discovery",
        "Stops the scan that goes on",
        Nothing,
        ("204", "It is stopped, and what it found is kept", Nothing),
    ),
    operation(
        Put,
        "/hub/accounts/{account_id}/discovery/schedule",
        "Says how often the last scan is done again",
        Json("DiscoverySchedule"),
        ("204", "It was changed", Nothing),
    ),
];
