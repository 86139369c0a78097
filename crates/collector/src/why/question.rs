//! What is asked about.

use crate::{
    backend::AccountInventory,
    model::{Entity, EntityId, Shared},
};

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A path.
    Path(String),
    /// An entity, with all its protocols.
    Entity(EntityId),
    /// Something that is none of both.
    Unknown(String),
}

impl Question {
    /// Reads what a person typed: the number of an entity, its name, or a path.
    pub fn parse(text: &str, account: &AccountInventory) -> Self {
        let text = text.trim();
        let entities = &account.entities;
        let of_id = text.parse().ok().map(EntityId::new);
        let is = |test: &dyn Fn(&Shared<Entity>) -> bool| entities.iter().find(|it| test(it)).map(|it| it.id);
        let found = is(&|it| Some(it.id) == of_id)
            .or_else(|| is(&|it| it.name == text))
            .or_else(|| is(&|it| it.name.eq_ignore_ascii_case(text)))
            .or_else(|| {
                is(&|it| {
                    ["ipv4", "ipv6", "hostname"]
                        .iter()
                        .any(|key| it.details.get(*key).is_some_and(|value| value == text))
                })
            });
        match found {
            Some(id) => Self::Entity(id),
            None if text.contains('.') && !text.contains(char::is_whitespace) => Self::Path(text.to_owned()),
            None => Self::Unknown(text.to_owned()),
        }
    }
}

impl Question {
    /// Returns the entity that is asked about.
    pub fn entity(&self) -> Option<EntityId> {
        match self {
            Self::Path(path) => subject_of(path).map(|(id, _)| id),
            Self::Entity(id) => Some(*id),
            Self::Unknown(_) => None,
        }
    }
}

/// Returns the entity and the protocol that a path is of: `entity.7.ping.success`, `netflow.coverage.entity.7`.
pub(super) fn subject_of(path: &str) -> Option<(EntityId, &str)> {
    let parts: Vec<&str> = path.split('.').collect();
    let place =
        parts.windows(2).position(|pair| matches!(pair, ["entity", id] if id.parse::<i64>().is_ok()))?;
    let id = EntityId::new(parts.get(place + 1)?.parse().ok()?);
    let protocol = if place == 0 { parts.get(2)? } else { parts.first()? };
    Some((id, protocol))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_type_is_a_number_a_name_an_address_or_a_path() {
        let entity =
            json!({"id": 7, "name": "core-1", "entity_type": "device", "details": {"ipv4": "192.0.2.1"}});
        let account: AccountInventory = serde_json::from_value(json!({
            "account": {"id": 1, "name": "A"}, "entities": [entity], "credentials": [], "sensors": [],
        }))
        .unwrap();
        let seven = Question::Entity(EntityId::new(7));
        for text in ["7", " core-1 ", "CORE-1", "192.0.2.1"] {
            assert_eq!(Question::parse(text, &account), seven, "{text}");
        }
        let path = "entity.9.ping.success";
        assert_eq!(Question::parse(path, &account), Question::Path(path.to_owned()));
        assert_eq!(Question::parse("core-2", &account), Question::Unknown("core-2".to_owned()));
    }

    #[test]
    fn a_path_names_its_entity_and_its_protocol() {
        assert_eq!(subject_of("entity.7.ping.p0.ok"), Some((EntityId::new(7), "ping")));
        assert_eq!(subject_of("netflow.coverage.entity.7"), Some((EntityId::new(7), "netflow")));
        assert_eq!(subject_of("office.temperature"), None);
        assert_eq!(subject_of("entity.x.ping"), None);
    }
}
