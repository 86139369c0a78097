//! Which changes bring an account's child entities in step with what a device has.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
};

use serde_json::Value;

use crate::{
    backend::EntityChange,
    model::{Details, Entity, EntityId, NewEntity},
    report::{Child, Children},
};

/// Compares what was seen with the children that exist: creations, updates, then deletions.
///
/// A child is recognised by name and key together, else by its name (its key moved, as indexes do after a reboot),
/// else by its key (it was renamed). So the order of rows does not matter, and a series keeps its entity. Two children
/// of one key in a report are one: the first counts.
pub(super) fn changes<E: Borrow<Entity>>(seen: &Children, entities: &[E]) -> Vec<EntityChange> {
    let existing: Vec<&Entity> = entities
        .iter()
        .map(E::borrow)
        .filter(|entity| entity.parent == Some(seen.parent) && entity.entity_type == seen.entity_type)
        .collect();
    let mut keys = HashSet::new();
    let children: Vec<&Child> = seen
        .children
        .iter()
        .filter(|child| key_of(&child.details, &seen.key).is_none_or(|key| keys.insert(key)))
        .collect();
    let matched = matches(&seen.key, &children, &existing);

    let mut changes = Vec::new();
    for (child, matched) in children.iter().zip(&matched) {
        match matched {
            None => changes.push(EntityChange::Create(NewEntity {
                name: child.name.clone(),
                entity_type: seen.entity_type.clone(),
                parent: Some(seen.parent),
                details: child.details.clone(),
            })),
            Some(entity) => {
                let updated = updated(child, entity);
                if updated != **entity {
                    changes.push(EntityChange::Update(updated));
                }
            }
        }
    }
    let kept: HashSet<EntityId> = matched.iter().flatten().map(|entity| entity.id).collect();
    let vanished = existing.iter().filter(|entity| !kept.contains(&entity.id));
    changes.extend(vanished.map(|entity| EntityChange::Delete(entity.id)));
    changes
}

/// Returns an entity with a child's name and details; details that only the backend knows stay.
fn updated(child: &Child, entity: &Entity) -> Entity {
    let mut updated = Entity { name: child.name.clone(), ..entity.clone() };
    updated.details.extend(child.details.clone());
    updated
}

/// By what a child and an entity are the same, the strictest first.
#[derive(Clone, Copy)]
enum Rule {
    NameAndKey,
    Name,
    Key,
}

impl Rule {
    fn identity(self, name: &str, key: Option<String>) -> Option<(Option<String>, Option<String>)> {
        match self {
            Self::NameAndKey => Some((Some(name.to_owned()), key)),
            Self::Name => Some((Some(name.to_owned()), None)),
            Self::Key => key.map(|key| (None, Some(key))),
        }
    }
}

/// Returns for each child the entity it is.
fn matches<'a>(key: &str, children: &[&Child], existing: &[&'a Entity]) -> Vec<Option<&'a Entity>> {
    let mut matched: Vec<Option<&Entity>> = vec![None; children.len()];
    let mut taken: HashSet<EntityId> = HashSet::new();
    for rule in [Rule::NameAndKey, Rule::Name, Rule::Key] {
        let mut free: HashMap<_, Vec<&Entity>> = HashMap::new();
        // Reversed, so that of several alike the first is taken first.
        for entity in existing.iter().rev().filter(|entity| !taken.contains(&entity.id)) {
            if let Some(identity) = rule.identity(&entity.name, key_of(&entity.details, key)) {
                free.entry(identity).or_default().push(entity);
            }
        }
        for (child, matched) in children.iter().zip(&mut matched).filter(|(_, matched)| matched.is_none()) {
            let identity = rule.identity(&child.name, key_of(&child.details, key));
            *matched = identity.and_then(|identity| free.get_mut(&identity)?.pop());
            taken.extend(matched.map(|entity| entity.id));
        }
    }
    matched
}

/// Returns the key as text: a backend may have made a string of a number.
pub(super) fn key_of(details: &Details, key: &str) -> Option<String> {
    match details.get(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::AccountId, time::Timestamp};

    fn details(index: &str, speed: &str) -> Details {
        [("snmp_index", index), ("speed_bps", speed)]
            .map(|(key, value)| (key.to_owned(), value.into()))
            .into_iter()
            .collect()
    }

    fn entity(id: i64, name: &str, index: &str) -> Entity {
        Entity {
            id: EntityId::new(id),
            name: name.to_owned(),
            entity_type: "interface".to_owned(),
            parent: Some(EntityId::new(1)),
            details: details(index, "1000"),
            protocols: None,
        }
    }

    fn seen(children: &[(&str, &str, &str)]) -> Children {
        let child = |(name, index, speed): &(&str, &str, &str)| Child {
            name: (*name).to_owned(),
            details: details(index, speed),
        };
        Children {
            account: AccountId::new(1),
            parent: EntityId::new(1),
            time: Timestamp::from_seconds(1),
            entity_type: "interface".to_owned(),
            key: "snmp_index".to_owned(),
            children: children.iter().map(child).collect(),
        }
    }

    /// Changes as short texts: `+name index`, `~id name index speed`, `-id`.
    fn told(children: &[(&str, &str, &str)], entities: &[Entity]) -> Vec<String> {
        let text = |details: &Details, key: &str| details[key].as_str().unwrap().to_owned();
        let tell = |change| match change {
            EntityChange::Create(new) => format!("+{} {}", new.name, text(&new.details, "snmp_index")),
            EntityChange::Update(entity) => format!(
                "~{} {} {} {}",
                entity.id,
                entity.name,
                text(&entity.details, "snmp_index"),
                text(&entity.details, "speed_bps")
            ),
            EntityChange::Delete(id) => format!("-{id}"),
        };
        changes(&seen(children), entities).into_iter().map(tell).collect()
    }

    #[test]
    fn what_is_in_step_is_left_alone_whatever_the_order_of_rows() {
        let entities = [entity(10, "eth0", "1"), entity(11, "eth1", "2")];
        assert!(told(&[("eth1", "2", "1000"), ("eth0", "1", "1000")], &entities).is_empty());
    }

    #[test]
    fn an_interface_keeps_its_entity_when_indexes_move() {
        let entities = [entity(10, "eth0", "1"), entity(11, "eth1", "2"), entity(12, "eth2", "3")];
        let renumbered =
            told(&[("eth1", "1", "1000"), ("eth2", "2", "1000"), ("eth3", "3", "1000")], &entities);
        assert_eq!(renumbered, ["~11 eth1 1 1000", "~12 eth2 2 1000", "+eth3 3", "-10"]);
    }

    #[test]
    fn a_renamed_interface_and_a_changed_speed_are_updates() {
        let entities = [entity(10, "eth0", "1"), entity(11, "eth1", "2")];
        assert_eq!(
            told(&[("wan", "1", "1000"), ("eth1", "2", "9")], &entities),
            ["~10 wan 1 1000", "~11 eth1 2 9"]
        );
    }

    #[test]
    fn interfaces_of_one_name_are_told_apart_by_their_index() {
        let entities = [entity(10, "port", "1"), entity(11, "port", "2"), entity(12, "port", "3")];
        assert_eq!(told(&[("port", "3", "1000"), ("port", "2", "1000")], &entities), ["-10"]);
        assert_eq!(told(&[("port", "2", "1000"), ("port", "2", "7")], &entities), ["-10", "-12"]);
    }

    #[test]
    fn entities_of_other_parents_and_types_are_left_alone() {
        let other_parent = Entity { parent: Some(EntityId::new(2)), ..entity(10, "eth0", "1") };
        let other_type = Entity { entity_type: "device".to_owned(), ..entity(11, "eth0", "1") };
        assert_eq!(told(&[("eth0", "1", "1000")], &[other_parent, other_type]), ["+eth0 1"]);
    }

    #[test]
    fn details_that_only_the_backend_knows_stay() {
        let mut known = entity(10, "eth0", "1");
        known.details.insert("note".to_owned(), "uplink".into());
        let changes = changes(&seen(&[("eth0", "1", "5")]), &[known]);
        let [EntityChange::Update(updated)] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!(updated.details["note"], "uplink");
        assert_eq!(updated.details["speed_bps"], "5");
    }
}
