//! Which proposals an account does not have yet.

use std::{borrow::Borrow, collections::HashSet};

use super::children::key_of;
use crate::{
    model::{Entity, NewEntity},
    report::Suggestions,
};

/// Returns the proposals that no entity is yet, each once. One that lacks the key could never be recognised later and
/// would be created again and again: it is left out.
pub(super) fn missing<E: Borrow<Entity>>(suggestions: &Suggestions, entities: &[E]) -> Vec<NewEntity> {
    let key = &suggestions.key;
    let mut known: HashSet<String> =
        entities.iter().filter_map(|entity| key_of(&entity.borrow().details, key)).collect();
    suggestions
        .entities
        .iter()
        .filter(|proposed| key_of(&proposed.details, key).is_some_and(|value| known.insert(value)))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, Details, EntityId};

    fn details(address: Option<&str>) -> Details {
        address.map(|address| ("ipv4".to_owned(), address.into())).into_iter().collect()
    }

    #[test]
    fn only_what_nobody_has_is_proposed_and_only_once() {
        let proposed = |address: Option<&str>| NewEntity {
            name: format!("{address:?}"),
            entity_type: "device".to_owned(),
            parent: None,
            details: details(address),
        };
        let suggestions = Suggestions {
            account: AccountId::new(1),
            key: "ipv4".to_owned(),
            entities: [Some("192.0.2.1"), Some("192.0.2.2"), Some("192.0.2.2"), None].map(proposed).to_vec(),
        };
        let known = Entity {
            id: EntityId::new(1),
            name: "router".to_owned(),
            entity_type: "device".to_owned(),
            parent: None,
            details: details(Some("192.0.2.1")),
            protocols: None,
        };
        assert_eq!(missing(&suggestions, &[known]), [proposed(Some("192.0.2.2"))]);
    }
}
