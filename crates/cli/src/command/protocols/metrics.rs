//! What declared series are called in Prometheus, as Markdown.

use grafolean_collector::protocol::{
    Declaration,
    prometheus::{Mapping, TEMPLATE},
};

use super::page::table;

/// Returns the metrics of several protocols, a section each.
pub(super) fn sections(declarations: &[Declaration]) -> String {
    declarations.iter().map(section).collect::<Vec<_>>().join("\n")
}

/// Returns the metrics of a protocol.
pub(super) fn section(declaration: &Declaration) -> String {
    let row = |mapping: Mapping| {
        let labels: Vec<_> = mapping.labels().iter().map(|label| format!("`{label}`")).collect();
        [
            format!("`{}`", mapping.metric.name),
            labels.join(", "),
            format!("`{}`", mapping.path),
            mapping.metric.help.clone(),
        ]
    };
    let mappings = declaration.outputs.iter().map(|output| Mapping::of(&declaration.name, output, TEMPLATE));
    let rows: Vec<_> = mappings.map(row).collect();
    format!("## {}\n\n{}", declaration.name, table(["metric", "labels", "path", "meaning"], &rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command::protocols::declarations, generated_page::hold_equal};

    const HEAD: &str = "\
# Names in Prometheus

What values are called in Prometheus and in what reads as it does: `grafolean protocols --prometheus` prints it. Names,
units and labels follow from what protocols declare ([series](protocols.md)): segments of the path are the name, what
stands in braces are labels, the unit ends the name. `entity` is the name of what was measured and `exporter` that of
what reported it, `account` that of the account; `entity_id`, `exporter_id` and `account_id` are their numbers, which tell
apart what has the same name. `address` is where they are reached unless the path names an address itself. A label without
a value is left out. All metrics are gauges, and values are in base units: milliseconds are divided by 1000, percents by 100.

A series that no protocol declares is `grafolean_value`, with its path as the label `path`. [Sinks](sinks.md), `hub --forward`
and a [scrape of the hub](hub.md#prometheus) use the same names; a sink may have another template than
`grafolean_{protocol}_{name}_{unit}`, and labels of its own.

";

    #[test]
    fn the_page_of_metrics_is_what_protocols_declare() {
        hold_equal("prometheus.md", &format!("{HEAD}{}", sections(&declarations())));
    }

    #[test]
    fn no_two_series_of_a_protocol_share_a_name_and_its_labels() {
        for declaration in declarations() {
            let mut seen = std::collections::BTreeSet::new();
            for output in &declaration.outputs {
                let mapping = Mapping::of(&declaration.name, output, TEMPLATE);
                let labels = mapping.labels();
                assert!(
                    seen.insert((mapping.metric.name.clone(), labels)),
                    "{} of {}",
                    output.path,
                    declaration.name
                );
            }
        }
    }
}
