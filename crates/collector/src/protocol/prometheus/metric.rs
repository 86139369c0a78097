//! The metric that series are of: its name by a template, its unit, its help.

use std::collections::BTreeSet;

/// The name that is given unless a person has another template.
pub const TEMPLATE: &str = "grafolean_{protocol}_{name}_{unit}";

/// The name of values of which no declaration speaks; their path is a label.
pub const UNDECLARED: &str = "grafolean_value";

/// What a metric is: the same for all of its series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its unit, as words: `seconds`. Empty if it has none.
    pub unit: String,
    /// What it means, in a sentence.
    pub help: String,
}

impl Metric {
    /// Creates the metric of a declared series, of the words in its path.
    pub(super) fn new(protocol: &str, words: &[String], unit: String, help: &str, template: &str) -> Self {
        let has_unit = !unit.is_empty() && template.contains("{unit}");
        let said = if has_unit { already_said(words, &unit) } else { 0 };
        let mut name = words.get(..words.len() - said).unwrap_or_default().join("_");
        if name.is_empty() && !has_unit {
            "value".clone_into(&mut name);
        }
        let filled =
            template.replace("{protocol}", protocol).replace("{name}", &name).replace("{unit}", &unit);
        Self { name: name_of(&filled), unit, help: help.to_owned() }
    }

    /// Creates that of all series that no protocol declares.
    pub(crate) fn undeclared() -> Self {
        Self {
            name: UNDECLARED.to_owned(),
            unit: String::new(),
            help: "A value of a series that no protocol declares".to_owned(),
        }
    }
}

/// Returns how many words at the end of a name its unit begins with: `sent_bytes` in `bytes_per_second` are
/// `sent_bytes_per_second`.
fn already_said(words: &[String], unit: &str) -> usize {
    let unit: Vec<&str> = unit.split('_').collect();
    let is_said = |count: &usize| {
        let end = words.iter().rev().take(*count).rev().map(String::as_str);
        end.eq(unit.iter().take(*count).copied())
    };
    (1..=unit.len().min(words.len())).rev().find(is_said).unwrap_or(0)
}

/// Checks a template for names: it has to hold what tells metrics apart.
///
/// # Errors
/// Fails with what is wrong with it.
pub fn check_template(template: &str) -> Result<(), String> {
    let mut rest = template;
    let mut used = BTreeSet::new();
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err(format!("a brace is not closed in {template:?}"));
        };
        if !["protocol", "name", "unit"].contains(&name) {
            return Err(format!(
                "expected {{protocol}}, {{name}} or {{unit}}, found {{{name}}} in {template:?}"
            ));
        }
        used.insert(name);
        rest = after;
    }
    if used.contains("name") { Ok(()) } else { Err(format!("expected {{name}} somewhere in {template:?}")) }
}

/// Returns a text with nothing in it but what names may hold.
pub(super) fn word(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' })
        .collect()
}

/// Returns a name of a metric (letters, digits, underscores, colons, no digit first), without underscores in a row.
pub(super) fn name_of(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for letter in text.chars() {
        let letter = if letter.is_ascii_alphanumeric() || letter == ':' { letter } else { '_' };
        if !(letter == '_' && name.ends_with('_')) {
            name.push(letter);
        }
    }
    let name = name.trim_matches('_');
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_to_tell_metrics_apart() {
        for good in [TEMPLATE, "{name}", "net_{protocol}_{name}"] {
            assert_eq!(check_template(good), Ok(()));
        }
        for bad in ["", "net", "{protocol}_{unit}", "{name", "{path}_{name}"] {
            assert!(check_template(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_unit_that_the_path_says_stands_once() {
        let name = |words: &[&str], unit: &str, template: &str| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            Metric::new("x", &words, unit.to_owned(), "", template).name
        };
        assert_eq!(name(&["sent", "bytes"], "bytes", TEMPLATE), "grafolean_x_sent_bytes");
        assert_eq!(
            name(&["in", "packets"], "packets_per_second", TEMPLATE),
            "grafolean_x_in_packets_per_second"
        );
        assert_eq!(
            name(&["in", "errors"], "packets_per_second", TEMPLATE),
            "grafolean_x_in_errors_packets_per_second"
        );
        assert_eq!(name(&["sent", "bytes"], "bytes", "{name}"), "sent_bytes");
        assert_eq!(
            name(&["bytes", "per", "second"], "bytes_per_second", TEMPLATE),
            "grafolean_x_bytes_per_second"
        );
        assert_eq!(name(&[], "", TEMPLATE), "grafolean_x_value");
        assert_eq!(
            (name(&[], "bytes", TEMPLATE), name(&[], "bytes", "{name}")),
            ("grafolean_x_bytes".to_owned(), "value".to_owned())
        );
    }
}
