//! A line for each method of each route.

use utoipa::openapi::HttpMethod;

use self::{
    Body::{Json, Nothing, Text},
    Method::{Delete, Get, Post, Put},
};
use super::queries::{
    ACCOUNT, CHART, COUNT, NUMBER, Query, READING, SHARE_OF_FLOWS, SWITCH, WHY, WORD, needed, query,
};

/// A method of a route.
pub(super) struct Operation {
    method: Method,
    /// Below `/api`.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: &'static [Query],
    pub(super) body: Body,
    /// The status of success, what it means, and what is answered.
    pub(super) answer: (&'static str, &'static str, Body),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// What stands in a body: nothing, JSON of a schema, or text of a type.
#[derive(Clone, Copy)]
pub(super) enum Body {
    Nothing,
    Json(&'static str),
    Text(&'static str),
}

/// What needs no caller.
const OPEN: [(Method, &str); 9] = [
    (Get, "/status/info"),
    (Get, "/docs"),
    (Get, "/openapi.json"),
    (Post, "/admin/migratedb"),
    (Post, "/admin/first"),
    (Post, "/auth/login"),
    (Post, "/auth/refresh"),
    (Post, "/hub/login"),
    (Get, "/hub/session"),
];

impl Operation {
    pub(super) const fn method(&self) -> HttpMethod {
        match self.method {
            Get => HttpMethod::Get,
            Post => HttpMethod::Post,
            Put => HttpMethod::Put,
            Delete => HttpMethod::Delete,
        }
    }

    pub(super) const fn verb(&self) -> &'static str {
        match self.method {
            Get => "GET",
            Post => "POST",
            Put => "PUT",
            Delete => "DELETE",
        }
    }

    /// Returns a name that no other operation has: `put_accounts_account_id_values`.
    pub(super) fn id(&self) -> String {
        let verb = self.verb().to_ascii_lowercase();
        let words = self.path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty());
        words.fold(verb, |id, word| format!("{id}_{word}"))
    }

    /// Returns under which heading it stands: the kind of thing that it is about.
    pub(super) fn tag(&self) -> &'static str {
        let mut segments = self.path.split('/').skip(1);
        match (segments.next(), segments.nth(1)) {
            (Some("accounts"), Some(part)) => part,
            (Some(first), _) => first,
            (None, _) => "",
        }
    }

    pub(super) fn is_open(&self) -> bool {
        OPEN.contains(&(self.method, self.path)) || self.path.starts_with("/hub/shared/")
    }
}

const TELLING: Operation = operation(
    Put,
    "/hub/accounts/{account_id}/bots/{bot_id}/status",
    "Says what a bot knows",
    Json("Object"),
    ("200", "What the bot is to do", Json("Object")),
);
const ORDERING: Operation = operation(
    Post,
    "/hub/accounts/{account_id}/bots/{bot_id}/dead-letters",
    "Has a bot retry or drop dead letters",
    Json("Object"),
    ("202", "The bot is told when it speaks next", Nothing),
);

pub(super) const fn operation(
    method: Method,
    path: &'static str,
    summary: &'static str,
    body: Body,
    answer: (&'static str, &'static str, Body),
) -> Operation {
    Operation { method, path, summary, query: &[], body, answer }
}

pub(super) const fn asking(query: &'static [Query], operation: Operation) -> Operation {
    let Operation { method, path, summary, body, answer, .. } = operation;
    Operation { method, path, summary, query, body, answer }
}

/// Reads one thing, or a list.
pub(super) const fn read(path: &'static str, summary: &'static str, schema: &'static str) -> Operation {
    operation(Get, path, summary, Nothing, ("200", "As it is", Json(schema)))
}

/// Makes a thing; the answer has its id.
const fn make(path: &'static str, summary: &'static str, body: &'static str) -> Operation {
    operation(Post, path, summary, Json(body), ("201", "It was made", Json("Made")))
}

const fn change(path: &'static str, summary: &'static str, body: &'static str) -> Operation {
    operation(Put, path, summary, Json(body), ("204", "It was changed", Nothing))
}

const fn delete(path: &'static str, summary: &'static str) -> Operation {
    operation(Delete, path, summary, Nothing, ("204", "It is gone", Nothing))
}

/// All of them.
pub(super) const ALL: &[Operation] = &[
    read("/status/info", "Whether the hub is ready", "Status"),
    operation(Get, "/docs", "The API, for people", Nothing, ("200", "A page", Text("text/html"))),
    read("/openapi.json", "This document", "Object"),
    operation(
        Get,
        "/metrics",
        "What the hub counts",
        Nothing,
        ("200", "In Prometheus' text format", Text("text/plain")),
    ),
    read("/plugins/widgets", "Widgets of the established frontend: there are none", "List"),
    operation(
        Post,
        "/admin/migratedb",
        "Does nothing: the database is up to date",
        Nothing,
        ("204", "Done", Nothing),
    ),
    make("/admin/first", "Makes the first person, who may do everything", "FirstPerson"),
    read("/admin/accounts", "Lists all accounts", "List"),
    make("/admin/accounts", "Makes an account, with the credentials and sensors that a new one has", "Named"),
    operation(
        Post,
        "/auth/login",
        "Logs in; the token stands in X-JWT-Token",
        Json("Login"),
        ("200", "The session", Json("Object")),
    ),
    operation(
        Post,
        "/auth/refresh",
        "Gives a new token for one that ends",
        Nothing,
        ("200", "The session", Json("Object")),
    ),
    operation(Post, "/auth/logout", "Ends the session", Nothing, ("204", "It ended", Nothing)),
    operation(
        Post,
        "/hub/login",
        "Logs in the page, by a cookie",
        Json("Login"),
        ("200", "The session", Json("Object")),
    ),
    read("/hub/session", "Who is logged in by the page's cookie", "Object"),
    operation(
        Post,
        "/hub/session",
        "Keeps a session as the page's cookie, or renews it",
        Nothing,
        ("200", "The session", Json("Object")),
    ),
    asking(
        &[query("limit", COUNT, "The most changes")],
        read("/hub/audit", "Lists who changed what, the newest first", "List"),
    ),
    asking(
        &[
            query("account", ACCOUNT, "Whose events; of all accounts only changes are told"),
            query(
                "kinds",
                WORD,
                "values, stored, paths, changed, status, findings: some of them, with commas between them",
            ),
            query("filter", WORD, "Path filters of values, with commas between them"),
            query("since", WORD, "The id of the last event that was read"),
        ],
        operation(
            Get,
            "/hub/events",
            "What happens, as server-sent events",
            Nothing,
            ("200", "Events, without an end", Text("text/event-stream")),
        ),
    ),
    read("/hub/protocols", "Lists what protocols declare", "List"),
    read("/hub/protocols/{name}", "What a protocol declares", "Declaration"),
    change("/hub/protocols/{name}", "Declares a protocol of a bot outside this binary", "Declaration"),
    delete("/hub/protocols/{name}", "Forgets a protocol that was declared"),
    operation(
        Post,
        "/hub/test/{protocol}",
        "Asks a device before it is set up",
        Json("DeviceTest"),
        ("200", "What came of it", Json("DeviceTested")),
    ),
    read("/hub/retention", "How long values are kept", "Object"),
    read(
        "/hub/accounts/{account_id}/overview",
        "What the account's devices are like, in one answer",
        "Object",
    ),
    asking(
        CHART,
        read(
            "/hub/accounts/{account_id}/series",
            "Series in as many buckets as a chart has room for",
            "Object",
        ),
    ),
    asking(
        SHARE_OF_FLOWS,
        read(
            "/hub/accounts/{account_id}/flows/{entity_id}",
            "Flows of an exporter, by what is asked",
            "Object",
        ),
    ),
    asking(WHY, read("/hub/why", "Why values are missing, in each readable account", "List")),
    read("/hub/findings", "What is wrong now, in each account that the caller may read", "List"),
    asking(
        WHY,
        read("/hub/accounts/{account_id}/why", "Why values of a path or an entity are missing", "List"),
    ),
    read("/hub/accounts/{account_id}/findings", "What is wrong now", "List"),
    read("/hub/accounts/{account_id}/status", "What each bot said last", "List"),
    TELLING,
    ORDERING,
    read("/hub/accounts/{account_id}/raw-flows", "Which raw flows are kept beside the hub", "Object"),
    asking(
        &[
            query("filter", WORD, "Which flows, as grafolean flow query takes it"),
            query("by", WORD, "By what they are added up"),
            query("from", WORD, "From this time on"),
            query("to", WORD, "Before this time"),
            query("top", COUNT, "The most groups"),
            query("entity", ACCOUNT, "Of this exporter alone"),
        ],
        operation(
            Get,
            "/hub/accounts/{account_id}/raw-flows/query",
            "Asks raw flows; what is known so far comes as it is found",
            Nothing,
            ("200", "Answers, the last one whole", Text("text/event-stream")),
        ),
    ),
    read(
        "/hub/accounts/{account_id}/dashboards/{slug}/shares",
        "Lists links under which a dashboard is shared",
        "List",
    ),
    make("/hub/accounts/{account_id}/dashboards/{slug}/shares", "Shares a dashboard, to be read", "Share"),
    delete("/hub/accounts/{account_id}/dashboards/{slug}/shares/{share_id}", "Ends a link"),
    read("/hub/shared/{token}", "A dashboard that is shared", "Object"),
    asking(CHART, read("/hub/shared/{token}/series", "Series of a dashboard that is shared", "Object")),
    asking(
        SHARE_OF_FLOWS,
        read("/hub/shared/{token}/flows/{entity}", "Flows of a dashboard that is shared", "Object"),
    ),
    read("/profile", "Who asks", "Object"),
    read("/profile/permissions", "What they may do", "List"),
    read("/persons", "Lists people", "List"),
    make("/persons", "Makes a person", "NewPerson"),
    read("/persons/{user_id}", "A person", "Object"),
    change("/persons/{user_id}", "Changes a person", "Person"),
    delete("/persons/{user_id}", "Deletes a person"),
    operation(
        Post,
        "/persons/{user_id}/password",
        "Chooses a new password",
        Json("NewPassword"),
        ("204", "It is in force, and other sessions ended", Nothing),
    ),
    read("/users/{user_id}", "A person or a bot, with their rights", "Object"),
    read("/users/{user_id}/permissions", "What a user may do", "List"),
    make("/users/{user_id}/permissions", "Gives a user a right that the caller has", "Right"),
    delete("/users/{user_id}/permissions/{permission_id}", "Takes a right from a user"),
    read("/bots", "Lists systemwide bots", "List"),
    make("/bots", "Makes a systemwide bot", "Bot"),
    read("/bots/{user_id}", "A systemwide bot", "Object"),
    change("/bots/{user_id}", "Changes a systemwide bot", "Bot"),
    delete("/bots/{user_id}", "Deletes a systemwide bot"),
    read("/bots/{user_id}/token", "The bot's token, for who holds all its rights", "Token"),
    read("/bots/{user_id}/permissions", "What a bot may do", "List"),
    make("/bots/{user_id}/permissions", "Gives a bot a right", "Right"),
    delete("/bots/{user_id}/permissions/{permission_id}", "Takes a right from a bot"),
    read("/accounts", "Lists the accounts that the caller sees", "List"),
    read("/accounts/{account_id}", "An account", "Account"),
    change("/accounts/{account_id}", "Renames an account", "Named"),
    read("/accounts/{account_id}/bots", "Lists the account's bots", "List"),
    make("/accounts/{account_id}/bots", "Makes a bot of the account", "Bot"),
    read("/accounts/{account_id}/bots/{user_id}", "A bot", "Object"),
    change("/accounts/{account_id}/bots/{user_id}", "Changes a bot", "Bot"),
    delete("/accounts/{account_id}/bots/{user_id}", "Deletes a bot"),
    read(
        "/accounts/{account_id}/bots/{user_id}/token",
        "The bot's token, for who holds all its rights",
        "Token",
    ),
    read("/accounts/{account_id}/bots/{user_id}/permissions", "What a bot may do", "List"),
    make("/accounts/{account_id}/bots/{user_id}/permissions", "Gives a bot a right", "Right"),
    delete("/accounts/{account_id}/bots/{user_id}/permissions/{permission_id}", "Takes a right from a bot"),
    read(
        "/accounts/{account_id}/entities",
        "Lists devices and their parts, with all that is measured of them",
        "EntityList",
    ),
    make("/accounts/{account_id}/entities", "Makes an entity", "NewEntity"),
    read("/accounts/{account_id}/entities/{entity_id}", "An entity", "Entity"),
    change(
        "/accounts/{account_id}/entities/{entity_id}",
        "Changes an entity; without protocols it has none",
        "NewEntity",
    ),
    delete("/accounts/{account_id}/entities/{entity_id}", "Deletes an entity and its children"),
    read("/accounts/{account_id}/credentials", "Lists credentials", "List"),
    make("/accounts/{account_id}/credentials", "Makes a credential", "Credential"),
    read("/accounts/{account_id}/credentials/{credential_id}", "A credential", "Object"),
    change("/accounts/{account_id}/credentials/{credential_id}", "Changes a credential", "Credential"),
    delete(
        "/accounts/{account_id}/credentials/{credential_id}",
        "Deletes a credential, and takes its protocol off entities",
    ),
    read("/accounts/{account_id}/sensors", "Lists sensors", "List"),
    make("/accounts/{account_id}/sensors", "Makes a sensor", "Sensor"),
    read("/accounts/{account_id}/sensors/{sensor_id}", "A sensor", "Object"),
    change("/accounts/{account_id}/sensors/{sensor_id}", "Changes a sensor", "Sensor"),
    delete("/accounts/{account_id}/sensors/{sensor_id}", "Deletes a sensor"),
    asking(
        &[query("p", WORD, "Path of a single value"), query("v", NUMBER, "The value")],
        operation(
            Post,
            "/accounts/{account_id}/values",
            "Stores values at the hub's time",
            Json("Values"),
            ("204", "They are on disk", Nothing),
        ),
    ),
    operation(
        Put,
        "/accounts/{account_id}/values",
        "Stores values at their times",
        Json("TimedValues"),
        ("204", "They are on disk", Nothing),
    ),
    asking(
        READING,
        read(
            "/accounts/{account_id}/values/{paths}",
            "Reads values of series, whose paths have commas between them",
            "Series",
        ),
    ),
    operation(
        Post,
        "/accounts/{account_id}/getvalues",
        "Reads values of series",
        Json("Reading"),
        ("200", "As they are", Json("Series")),
    ),
    operation(
        Post,
        "/accounts/{account_id}/getaggrvalues",
        "Reads means, lows and highs of series",
        Json("AggregateReading"),
        ("200", "As they are", Json("Series")),
    ),
    asking(
        &[
            needed("f", WORD, "Path filter"),
            query("n", COUNT, "How many"),
            query("t", NUMBER, "Before this time"),
        ],
        read(
            "/accounts/{account_id}/topvalues",
            "The highest values of the newest moment that has any",
            "Object",
        ),
    ),
    asking(
        &[
            query("filter", WORD, "Path filter"),
            query("limit", COUNT, "The most series"),
            query("since", NUMBER, "Not older than this time"),
        ],
        read("/accounts/{account_id}/lastvalues", "The newest value of each series", "Object"),
    ),
    read("/accounts/{account_id}/retention", "How long values are kept", "Object"),
    change("/accounts/{account_id}/retention", "Sets how long values are kept", "Object"),
    asking(
        &[query("filter", WORD, "Path filter")],
        operation(
            Get,
            "/accounts/{account_id}/prometheus",
            "The newest values, for Prometheus",
            Nothing,
            ("200", "In Prometheus' text format", Text("text/plain")),
        ),
    ),
    asking(
        &[
            needed("filter", WORD, "Path filters, with commas between them"),
            query("limit", COUNT, "The most paths"),
            query("failover_trailing", SWITCH, "Whether paths that begin so count where none fits"),
        ],
        read("/accounts/{account_id}/paths", "Finds series", "Object"),
    ),
    read("/accounts/{account_id}/paths/{path_id}", "A series", "Object"),
    change("/accounts/{account_id}/paths/{path_id}", "Renames a series", "Path"),
    delete("/accounts/{account_id}/paths/{path_id}", "Deletes a series with its values"),
    read("/accounts/{account_id}/dashboards", "Lists dashboards", "List"),
    make("/accounts/{account_id}/dashboards", "Makes a dashboard", "Dashboard"),
    read("/accounts/{account_id}/dashboards/{slug}", "A dashboard with its widgets", "Object"),
    change("/accounts/{account_id}/dashboards/{slug}", "Renames a dashboard", "Dashboard"),
    delete("/accounts/{account_id}/dashboards/{slug}", "Deletes a dashboard"),
    read("/accounts/{account_id}/dashboards/{slug}/widgets", "Lists widgets", "List"),
    make("/accounts/{account_id}/dashboards/{slug}/widgets", "Makes a widget below the others", "Widget"),
    read("/accounts/{account_id}/dashboards/{slug}/widgets/{widget_id}", "A widget", "Object"),
    change("/accounts/{account_id}/dashboards/{slug}/widgets/{widget_id}", "Changes a widget", "Widget"),
    delete("/accounts/{account_id}/dashboards/{slug}/widgets/{widget_id}", "Deletes a widget"),
    change("/accounts/{account_id}/dashboards/{slug}/widgets_positions", "Places widgets", "WidgetPositions"),
];
