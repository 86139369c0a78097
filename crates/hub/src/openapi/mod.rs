//! What the API is, for programs: `/api/openapi.json`, OpenAPI 3.1.
//!
//! [`operations`] and `devices` have a line for each method of each route; what bodies hold stands in `schemas.json`.

mod devices;
mod operations;
mod queries;

use std::collections::BTreeMap;

use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required,
    ResponseBuilder, ResponsesBuilder, Schema, SecurityRequirement, ServerBuilder,
    path::{OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
};

use operations::{Body, Operation};
use queries::Query;

/// Schemas of what stands in bodies, by name.
const SCHEMAS: &str = include_str!("schemas.json");

/// Ids are random numbers below 2^31.
const ID: &str = r#"{"type": "integer", "minimum": 1, "maximum": 2147483647}"#;
const TEXT: &str = r#"{"type": "string"}"#;

/// What every request may be answered beside what it is for.
const REFUSALS: [(&str, &str); 4] = [
    ("400", "The request is not what it has to be; the answer says where"),
    ("401", "No caller, or one that is not known"),
    ("403", "The caller lacks the right"),
    ("404", "There is none"),
];

/// Returns all operations.
fn all() -> impl Iterator<Item = &'static Operation> {
    operations::ALL.iter().chain(devices::ALL)
}

/// Returns the document.
///
/// # Errors
/// Fails if a schema that is part of this program is none.
pub(crate) fn document() -> Result<OpenApi, serde_json::Error> {
    let mut paths = PathsBuilder::new();
    for operation in all() {
        let item = utoipa::openapi::PathItem::new(operation.method(), built(operation)?);
        paths = paths.path(format!("/api{}", operation.path), item);
    }
    let schemas: BTreeMap<String, RefOr<Schema>> = serde_json::from_str(SCHEMAS)?;
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("session", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("bot", SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::new("b"))))
        .security_scheme(
            "page",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("grafolean_session"))),
        )
        .build();
    let info =
        InfoBuilder::new().title("Grafolean hub").version(env!("CARGO_PKG_VERSION")).description(Some(
            "Grafolean's API, and below /api/hub what this hub alone has. People log in and send what \
             X-JWT-Token holds as Authorization; bots send their token as ?b=. Times are seconds since 1970.",
        ));
    Ok(OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .paths(paths)
        .components(Some(components))
        .security(Some(["session", "bot", "page"].map(|name| SecurityRequirement::new(name, [""; 0]))))
        .build())
}

fn built(operation: &Operation) -> Result<utoipa::openapi::path::Operation, serde_json::Error> {
    let mut built = OperationBuilder::new()
        .summary(Some(operation.summary))
        .operation_id(Some(operation.id()))
        .tag(operation.tag());
    for name in operation.path.split(['{', '}']).skip(1).step_by(2) {
        let kind = if name.ends_with("_id") { ID } else { TEXT };
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
        built = built.parameter(parameter.required(Required::True).schema(Some(schema(kind)?)));
    }
    for Query { name, kind, about, required } in operation.query {
        let parameter = ParameterBuilder::new().name(*name).parameter_in(ParameterIn::Query);
        let needed = if *required { Required::True } else { Required::False };
        built =
            built.parameter(parameter.required(needed).description(Some(*about)).schema(Some(schema(kind)?)));
    }
    if let Body::Json(name) = operation.body {
        let content = Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name(name))));
        let body = RequestBodyBuilder::new().content("application/json", content);
        built = built.request_body(Some(body.required(Some(Required::True)).build()));
    }
    let (status, about, answer) = operation.answer;
    let mut good = ResponseBuilder::new().description(about);
    good = match answer {
        Body::Nothing => good,
        Body::Json(name) => {
            let named = RefOr::<Schema>::Ref(Ref::from_schema_name(name));
            good.content("application/json", Content::new(Some(named)))
        }
        Body::Text(kind) => good.content(kind, Content::new(Some(schema(TEXT)?))),
    };
    let mut responses = ResponsesBuilder::new().response(status, good.build());
    for (status, about) in REFUSALS {
        responses = responses.response(status, ResponseBuilder::new().description(about).build());
    }
    if operation.is_open() {
        built = built.securities(Some([SecurityRequirement::default()]));
    }
    Ok(built.responses(responses.build()).build())
}

fn schema(json: &str) -> Result<RefOr<Schema>, serde_json::Error> {
    serde_json::from_str(json)
}

/// Returns all operations as tables of HTML, one for each kind of thing.
pub(crate) fn table() -> String {
    let mut by_tag: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in all() {
        by_tag.entry(operation.tag()).or_default().push(operation);
    }
    let mut page = String::new();
    for (tag, operations) in by_tag {
        page.push_str(&format!("<h2>{tag}</h2>\n<table>\n"));
        for operation in operations {
            let (verb, path, summary) = (operation.verb(), operation.path, operation.summary);
            page.push_str(&format!(
                "<tr><td>{verb}</td><td><code>{path}</code></td><td>{summary}</td></tr>\n"
            ));
        }
        page.push_str("</table>\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_has_a_name_of_its_own_and_each_schema_is_one() {
        let ids: BTreeSet<String> = all().map(Operation::id).collect();
        assert_eq!(ids.len(), all().count());
        let document = serde_json::to_value(document().unwrap()).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let text = document.to_string();
        for name in text.split("#/components/schemas/").skip(1) {
            let name = name.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
    }

    /// What a router serves is not told by it: the lines that make it are read.
    #[test]
    fn every_route_of_the_sources_is_in_the_document() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/routes");
        let paths: BTreeSet<&str> = all().map(|operation| operation.path).collect();
        let mut known = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for route in text.split(".route(\"").skip(1) {
                let path = route.split('"').next().unwrap();
                // Nested below /bots and /accounts/{account_id}/bots.
                let below_bots = ["/", "/{user_id}", "/{user_id}/token"].contains(&path);
                assert!(paths.contains(path) || below_bots, "{path} is not in the document");
                known += 1;
            }
        }
        assert!(known > 40, "{known}");
    }
}
