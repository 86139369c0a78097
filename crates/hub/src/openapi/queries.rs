//! What stands in queries.

/// A parameter of a query.
pub(super) struct Query {
    pub(super) name: &'static str,
    /// Its schema.
    pub(super) kind: &'static str,
    pub(super) about: &'static str,
    pub(super) required: bool,
}

pub(super) const NUMBER: &str = r#"{"type": "number"}"#;
pub(super) const COUNT: &str = r#"{"type": "integer", "minimum": 1}"#;
pub(super) const WORD: &str = r#"{"type": "string"}"#;
pub(super) const ORDER: &str = r#"{"type": "string", "enum": ["asc", "desc"]}"#;
pub(super) const SWITCH: &str = r#"{"type": "string", "enum": ["true", "false"]}"#;
pub(super) const ACCOUNT: &str = r#"{"type": "integer", "minimum": 1, "maximum": 2147483647}"#;

pub(super) const fn query(name: &'static str, kind: &'static str, about: &'static str) -> Query {
    Query { name, kind, about, required: false }
}

pub(super) const fn needed(name: &'static str, kind: &'static str, about: &'static str) -> Query {
    Query { name, kind, about, required: true }
}

pub(super) const CHART: &[Query] = &[
    needed("p", WORD, "Paths, with commas between them"),
    query("from", NUMBER, "From this time on"),
    query("to", NUMBER, "Before this time"),
    query("points", COUNT, "The most points of one series"),
];

pub(super) const SHARE_OF_FLOWS: &[Query] = &[
    query("direction", WORD, "ingress or egress"),
    query("if", COUNT, "Of this interface alone"),
    query("by", WORD, "By what they are told apart"),
    query("from", NUMBER, "From this time on"),
    query("to", NUMBER, "Before this time"),
    query("top", COUNT, "The most parts"),
    query("not", WORD, "Parts to leave out, with commas between them"),
];

pub(super) const WHY: &[Query] = &[
    needed("about", WORD, "A path, or an entity by its id, name or address"),
    query("from", NUMBER, "Of a chart that begins at this time"),
    query("to", NUMBER, "And ends at this one"),
];

pub(super) const READING: &[Query] = &[
    query("t0", NUMBER, "From this time on"),
    query("t1", NUMBER, "Before this time"),
    query("sort", ORDER, "By time, ascending unless it says otherwise"),
    query("limit", COUNT, "The most values of one series"),
];
