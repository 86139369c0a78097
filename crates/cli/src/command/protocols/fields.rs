//! The fields of a JSON Schema, a line each.

use serde_json::Value;

/// A field as people see it.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    /// Its name; that of an object in a list as `oids[].oid`.
    pub(super) name: String,
    /// What may stand there, with its unit and its bounds.
    pub(super) kind: String,
    /// What an absent one means.
    pub(super) default: String,
    /// What it means.
    pub(super) meaning: String,
}

/// Returns the fields of a schema, those of inner objects after their own.
pub(super) fn fields(schema: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    found
}

fn collect(schema: &Value, prefix: &str, found: &mut Vec<Field>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, property) in properties {
        let name_below = format!("{prefix}{name}");
        found.push(Field {
            kind: kind(property),
            default: if required.contains(&name.as_str()) {
                "required".to_owned()
            } else {
                default(property)
            },
            meaning: text(property, "description").replace('\n', " "),
            name: name_below.clone(),
        });
        if let Some(items) = property.get("items") {
            collect(items, &format!("{name_below}[]."), found);
        }
        collect(property, &format!("{name_below}."), found);
    }
}

/// The schema that counts where one of several may be null.
fn given(property: &Value) -> &Value {
    let choices = property.get("anyOf").and_then(Value::as_array);
    let is_something = |choice: &&Value| choice.get("type").and_then(Value::as_str) != Some("null");
    choices.and_then(|choices| choices.iter().find(is_something)).unwrap_or(property)
}

fn kind(property: &Value) -> String {
    let of = given(property);
    if let Some(choices) = property.get("enum").or_else(|| of.get("enum")).and_then(Value::as_array) {
        let choices: Vec<_> =
            choices.iter().filter_map(Value::as_str).map(|choice| format!("`{choice}`")).collect();
        return choices.join(", ");
    }
    let kind = match of.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        Some(kind) => kind.as_str(),
        None => None,
    };
    let name = match kind {
        Some("integer") => "whole number",
        Some("number") => "number",
        Some("boolean") => "yes or no",
        Some("array") => "list",
        Some("object") => "object",
        _ => "text",
    };
    let number = |key: &str| of.get(key).and_then(Value::as_f64);
    let bounds = match (number("minimum"), number("maximum"), number("minLength"), number("maxLength")) {
        (Some(min), Some(max), ..) => format!(", {min} to {max}"),
        (_, _, Some(min), _) => format!(", {min} characters or more"),
        (_, _, _, Some(max)) => format!(", at most {max} characters"),
        _ => String::new(),
    };
    let unit = property.get("x-unit").or_else(|| of.get("x-unit")).and_then(Value::as_str);
    let unit = unit.map(|unit| format!(" {}", in_words(unit))).unwrap_or_default();
    let is_secret =
        [property, of].iter().any(|it| it.get("format").and_then(Value::as_str) == Some("password"));
    let secret = if is_secret { ", never shown" } else { "" };
    format!("{name}{bounds}{unit}{secret}")
}

fn default(property: &Value) -> String {
    match property.get("default") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text.is_empty() => "empty".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(Value::Bool(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        Some(Value::Number(number)) => {
            number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
        }
        Some(other) => other.to_string(),
    }
}

/// Returns a unit's symbol of UCUM as a word.
pub(super) fn in_words(unit: &str) -> &str {
    match unit {
        "s" => "seconds",
        "By" => "bytes",
        "By/s" => "bytes a second",
        "d" => "days",
        "1" => "a number",
        "bool" => "0 or 1",
        "" => "the sensor's",
        other => other,
    }
}

fn text<'v>(property: &'v Value, key: &str) -> &'v str {
    property.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_told_with_its_bounds_unit_default_and_meaning() {
        let schema = json!({
            "required": ["port"],
            "properties": {
                "port": {"type": "integer", "minimum": 1, "maximum": 65_535, "description": "The port.\nOf TCP."},
                "timeout": {"type": "number", "minimum": 0.1, "maximum": 60.0, "x-unit": "s", "default": 5.0},
                "key": {"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}]},
                "version": {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]},
                "tls": {"type": "boolean", "default": false},
                "oids": {"type": "array", "items": {"required": ["oid"], "properties": {"oid": {"type": "string"}}}},
            },
        });
        let field = |name: &str, kind: &str, default: &str, meaning: &str| Field {
            name: name.to_owned(),
            kind: kind.to_owned(),
            default: default.to_owned(),
            meaning: meaning.to_owned(),
        };
        assert_eq!(
            fields(&schema),
            [
                field("port", "whole number, 1 to 65535", "required", "The port. Of TCP."),
                field("timeout", "number, 0.1 to 60 seconds", "5", ""),
                field("key", "text, never shown", "", ""),
                field("version", "`a`, `b`", "", ""),
                field("tls", "yes or no", "no", ""),
                field("oids", "list", "", ""),
                field("oids[].oid", "text", "required", ""),
            ]
        );
    }
}
