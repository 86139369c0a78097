//! The labels of a series: what stands in its path, and who it belongs to.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use super::{Metric, Scale, metric};
use crate::model::{AccountId, Entity, EntityId};

/// The label of what was measured, and of what reported.
const ENTITY: &str = "entity";
const EXPORTER: &str = "exporter";

/// The label of where an entity is reached. A path that names an address itself has it for that one.
const ADDRESS: &str = "address";

/// Labels that a path cannot have for its own: ours, and those that Prometheus gives a meaning.
const TAKEN: [&str; 10] = [
    "account",
    "account_id",
    ENTITY,
    "entity_id",
    EXPORTER,
    "exporter_id",
    "job",
    "instance",
    "le",
    "quantile",
];

/// The longest name of an account or an entity that is shown, in bytes: their numbers tell them apart.
const MOST_NAME_BYTES: usize = 256;

/// The details of an entity that may hold its address, the first one that is there counts.
const ADDRESSES: [&str; 3] = ["ipv4", "ipv6", "hostname"];

/// A path that a mapping was found for.
#[derive(Clone, Debug, PartialEq)]
pub struct Match<'a> {
    /// What the value is.
    pub metric: &'a Arc<Metric>,
    /// What makes a value of the path one of the metric.
    pub scale: Scale,
    /// The entity whose value it is, and the label for its name.
    pub entity: Option<(EntityId, &'static str)>,
    /// The labels that stand in the path, as devices said them.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
}

/// Whom a value belongs to; what is not known is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owner<'a> {
    /// What people call the account.
    pub account: &'a str,
    /// What people call the entity.
    pub entity: &'a str,
    /// Where the entity is reached.
    pub address: &'a str,
}

impl<'a> Owner<'a> {
    /// Returns what is known of an entity.
    pub fn of(account: &'a str, entity: &'a Entity) -> Self {
        let text = |field: &&str| entity.details.get(*field)?.as_str().filter(|text| !text.is_empty());
        let address = ADDRESSES.iter().find_map(text).unwrap_or_default();
        Self { account, entity: &entity.name, address }
    }
}

impl<'a> Match<'a> {
    /// Returns that of a path that no protocol declares.
    pub(super) fn undeclared(metric: &'a Arc<Metric>, path: &'a str) -> Self {
        let id = path.strip_prefix("entity.").and_then(|rest| rest.split('.').next()?.parse().ok());
        let entity = id.map(|id: i64| (EntityId::new(id), ENTITY));
        Self { metric, scale: Scale::NONE, entity, labels: vec![("path", Cow::Borrowed(path))] }
    }

    /// Returns all labels but the name of the metric, ascending by name; none is empty, as Prometheus has it.
    pub fn labels(&self, account: AccountId, owner: Owner<'_>) -> Vec<(String, String)> {
        let mut labels = vec![
            ("account".to_owned(), cut(owner.account).to_owned()),
            ("account_id".to_owned(), account.to_string()),
        ];
        if let Some((id, label)) = self.entity {
            labels.extend([
                (label.to_owned(), cut(owner.entity).to_owned()),
                (format!("{label}_id"), id.to_string()),
            ]);
            if self.labels.iter().all(|(name, _)| *name != ADDRESS) {
                labels.push((ADDRESS.to_owned(), cut(owner.address).to_owned()));
            }
        }
        labels
            .extend(self.labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_owned())));
        labels.retain(|(_, value)| !value.is_empty());
        labels.sort_unstable();
        labels
    }
}

/// A part of a path's pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Label(String),
    Entity { label: &'static str },
}

/// Splits a pattern: what a path is matched against, and the words of the name.
pub(super) fn pieces(protocol: &str, pattern: &str) -> (Vec<Piece>, Vec<String>) {
    let (mut pieces, mut words, mut rest) = (Vec::new(), Vec::new(), pattern);
    let begins_with_entity = pattern.starts_with("entity.{entity}");
    let mut used = BTreeSet::new();
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let is_entity = name == ENTITY;
        let mut segments: Vec<&str> = text.split('.').collect();
        // What stands before a brace within its segment, as `p` of `p{n}`, is no word.
        segments.pop();
        if is_entity && segments.last() == Some(&ENTITY) {
            segments.pop();
        }
        words.extend(words_of(segments, protocol));
        pieces.push(Piece::Text(text.to_owned()));
        pieces.push(match (is_entity, begins_with_entity) {
            (true, true) => Piece::Entity { label: ENTITY },
            (true, false) => {
                words.push(EXPORTER.to_owned());
                Piece::Entity { label: EXPORTER }
            }
            (false, _) => Piece::Label(label(protocol, name, &mut used)),
        });
        rest = after;
    }
    words.extend(words_of(rest.split('.').collect(), protocol));
    pieces.push(Piece::Text(rest.to_owned()));
    (pieces, words)
}

/// Returns the words of a name that segments of a path are.
fn words_of(segments: Vec<&str>, protocol: &str) -> impl Iterator<Item = String> {
    let segments = segments.into_iter().filter(move |segment| *segment != protocol);
    let words: Vec<_> = segments.flat_map(|segment| segment.split(['-', '_'])).map(metric::word).collect();
    words.into_iter().filter(|word| !word.is_empty())
}

/// Returns the name of a label that no other one of its series has.
fn label(protocol: &str, name: &str, used: &mut BTreeSet<String>) -> String {
    let mut label = metric::name_of(&metric::word(name));
    if label.is_empty() || TAKEN.contains(&label.as_str()) {
        label = metric::name_of(&metric::word(&format!("{protocol}_{name}")));
    }
    let first = label.clone();
    let mut number = 1;
    while !used.insert(label.clone()) {
        number += 1;
        label = format!("{first}_{number}");
    }
    label
}

/// Returns the names of labels of a pattern, in its order.
pub(super) fn names(pieces: &[Piece]) -> Vec<String> {
    let mut labels = vec!["account".to_owned(), "account_id".to_owned()];
    for piece in pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::Label(name) => labels.push(name.clone()),
            Piece::Entity { label } => {
                labels.extend([(*label).to_owned(), format!("{label}_id"), ADDRESS.to_owned()]);
            }
        }
    }
    let mut seen = BTreeSet::new();
    labels.retain(|label| seen.insert(label.clone()));
    labels
}

/// Matches a path; what is in braces stands for as little as can be, but for at least one character.
pub(super) fn captured<'a>(pieces: &'a [Piece], path: &'a str, found: &mut Match<'a>) -> bool {
    let Some((piece, pieces)) = pieces.split_first() else { return path.is_empty() };
    if let Piece::Text(text) = piece {
        return path.strip_prefix(text.as_str()).is_some_and(|path| captured(pieces, path, found));
    }
    for (at, letter) in path.char_indices() {
        let Some((value, rest)) = path.split_at_checked(at + letter.len_utf8()) else { continue };
        let depth = found.labels.len();
        let entity = found.entity;
        match piece {
            Piece::Entity { label } => match value.parse::<i64>() {
                Ok(id) => found.entity = Some((EntityId::new(id), label)),
                Err(_) => continue,
            },
            Piece::Label(name) => found.labels.push((name, unescaped(value))),
            Piece::Text(_) => {}
        }
        if captured(pieces, rest, found) {
            return true;
        }
        found.labels.truncate(depth);
        found.entity = entity;
    }
    false
}

/// Returns what a segment of a path stands for: dots and colons are escaped there.
fn unescaped(segment: &str) -> Cow<'_, str> {
    if segment.contains('%') {
        Cow::Owned(segment.replace("%2e", ".").replace("%3a", ":"))
    } else {
        Cow::Borrowed(segment)
    }
}

/// Returns as much of a name as is shown.
fn cut(text: &str) -> &str {
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let end = ends.take_while(|&end| end <= MOST_NAME_BYTES).last().unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_what_is_empty_is_no_label() {
        let metric = Arc::new(Metric::undeclared());
        let long = "\u{e9}".repeat(300);
        let owner = Owner { account: &long, entity: "core", address: "" };
        let labels = Match::undeclared(&metric, "entity.7.x").labels(AccountId::new(1), owner);
        let shown: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.len())).collect();
        assert_eq!(
            shown,
            [("account", 256), ("account_id", 1), ("entity", 4), ("entity_id", 1), ("path", 10)]
        );
    }
}
