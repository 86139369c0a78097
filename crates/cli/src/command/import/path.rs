//! Paths of series that came with labels.

use std::collections::BTreeMap;

use grafolean_collector::remote_write::NAME_LABEL;

/// Labels of `grafolean_value`, which holds its path itself.
const OWN: (&str, &str) = ("grafolean_value", "path");

/// A template of a path: `{label}` stands for the value of a label, `{__name__}` for the name of the metric, `{labels}` for
/// all labels that are not named, as `name_value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathTemplate(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Label(String),
    Others,
}

/// What stands for all labels that are not named.
const OTHERS: &str = "labels";

impl PathTemplate {
    /// Reads a template as it is typed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| format!("a brace is not closed in {text:?}"))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(if name == OTHERS { Piece::Others } else { Piece::Label(name.to_owned()) });
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        if pieces.len() == 1 {
            return Err(format!(
                "expected a label in braces, e.g. prometheus.{{__name__}}.{{instance}}, found {text:?}"
            ));
        }
        Ok(Self(pieces))
    }

    /// Returns the path of a series.
    pub(crate) fn path(&self, labels: &BTreeMap<String, String>) -> String {
        if labels.get(NAME_LABEL).is_some_and(|name| name == OWN.0)
            && let Some(path) = labels.get(OWN.1)
        {
            return path.clone();
        }
        let is_named =
            |label: &String| self.0.iter().any(|piece| matches!(piece, Piece::Label(name) if name == label));
        let mut path = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => path.push_str(text),
                Piece::Label(name) => path.push_str(&segment(labels.get(name).map_or("", String::as_str))),
                Piece::Others => {
                    let others = labels.iter().filter(|(name, _)| *name != NAME_LABEL && !is_named(name));
                    let parts: Vec<_> =
                        others.map(|(name, value)| segment(&format!("{name}_{value}"))).collect();
                    path.push_str(&parts.join("."));
                }
            }
        }
        // What is missing leaves no empty segment.
        path.split('.').filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join(".")
    }
}

/// Returns a text as one segment of a path: dots and colons as the API escapes them, all else that it does not take as `_`.
fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '.' => segment.push_str("%2e"),
            ':' => segment.push_str("%3a"),
            '-' | '_' => segment.push(letter),
            letter if letter.is_ascii_alphanumeric() => segment.push(letter),
            _ => segment.push('_'),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(template: &str, labels: &[(&str, &str)]) -> String {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        PathTemplate::parse(template).unwrap().path(&labels)
    }

    #[test]
    fn labels_become_segments_of_a_path() {
        let labels = [("__name__", "node_load1"), ("instance", "10.0.0.7:9100"), ("job", "node")];
        assert_eq!(
            path("prometheus.{__name__}.{labels}", &labels),
            "prometheus.node_load1.instance_10%2e0%2e0%2e7%3a9100.job_node"
        );
        assert_eq!(path("{instance}.{__name__}", &labels), "10%2e0%2e0%2e7%3a9100.node_load1");
        assert_eq!(path("a.{nobody}.b.{job}", &labels), "a.b.node");
        assert_eq!(path("{job}", &[("job", "a b/c")]), "a_b_c");
        let own = [("__name__", "grafolean_value"), ("account", "1"), ("path", "cellar.temperature")];
        assert_eq!(path("prometheus.{__name__}", &own), "cellar.temperature");
        for bad in ["prometheus", "a.{b", ""] {
            assert!(PathTemplate::parse(bad).is_err(), "{bad}");
        }
    }
}
