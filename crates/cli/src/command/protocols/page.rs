//! Declarations as Markdown.

use grafolean_collector::protocol::{Declaration, DeclaredSetting, Output};
use serde_json::Value;

use super::fields::{Field, fields, in_words};

/// Returns the sections of several protocols.
pub(super) fn sections(declarations: &[Declaration]) -> String {
    declarations.iter().map(section).collect::<Vec<_>>().join("\n")
}

/// Returns what a protocol declares, as a section of a page.
pub(super) fn section(declaration: &Declaration) -> String {
    let Declaration { name, about, credential, sensor, entity, outputs, settings, .. } = declaration;
    let mut section = format!("## {name}\n\n{about}.\n");
    section += &part("Fields of a credential", credential);
    section += &part("Fields of a sensor", sensor);
    section += &part("Fields of an entity", entity);
    section += &measured(outputs);
    section += &process(settings);
    section
}

fn part(title: &str, schema: &Value) -> String {
    let fields = fields(schema);
    if fields.is_empty() {
        return format!("\n### {title}\n\nNone.\n");
    }
    let row = |Field { name, kind, default, meaning }: Field| [format!("`{name}`"), kind, default, meaning];
    let rows: Vec<_> = fields.into_iter().map(row).collect();
    format!("\n### {title}\n\n{}", table(["field", "what it is", "default", "meaning"], &rows))
}

fn measured(outputs: &[Output]) -> String {
    let row = |output: &Output| {
        let unit = in_words(&output.unit).to_owned();
        [format!("`{}`", output.path), unit, output.title.to_string(), output.meaning.to_string()]
    };
    let rows: Vec<_> = outputs.iter().map(row).collect();
    format!("\n### Series\n\n{}", table(["path", "unit", "title", "meaning"], &rows))
}

fn process(settings: &[DeclaredSetting]) -> String {
    if settings.is_empty() {
        return String::new();
    }
    let row = |setting: &DeclaredSetting| {
        let default = setting.default.as_ref().map(|default| format!("`{default}`")).unwrap_or_default();
        [format!("`{}`", setting.name), format!("`{}`", setting.variable), default, setting.help.clone()]
    };
    let rows: Vec<_> = settings.iter().map(row).collect();
    format!(
        "\n### Settings of its process\n\n{}",
        table(["name", "variable", "default", "what it is"], &rows)
    )
}

pub(super) fn table(head: [&str; 4], rows: &[[String; 4]]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let escaped = |cells: &[String; 4]| cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let mut table = line(head.iter().map(ToString::to_string).collect());
    table += &line(vec!["---".to_owned(); head.len()]);
    rows.iter().for_each(|row| table += &line(escaped(row)));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command::protocols::declarations, generated_page::hold_equal};

    const HEAD: &str = "\
# Protocols

What each protocol of this binary reads of what people set up, and what it measures: `grafolean protocols` prints it, with
`--json` as JSON Schema. Numbers may stand in text, as Grafolean's forms leave them; an empty field has its default. In a
path, `{name}` stands for one or more segments.

";

    #[test]
    fn the_page_of_protocols_is_what_they_declare() {
        hold_equal("protocols.md", &format!("{HEAD}{}", sections(&declarations())));
    }
}
