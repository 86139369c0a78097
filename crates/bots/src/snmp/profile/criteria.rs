//! Which devices a profile is for.

use crate::snmp::Oid;

/// What a device has to be: each that is given has to hold, and of each any one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Criteria {
    /// How its sysObjectID begins.
    pub sys_object_id: Vec<Oid>,
    /// Words in its sysDescr, in upper or lower case.
    pub sys_descr: Vec<String>,
    /// Objects that it has, or has any below.
    pub answers: Vec<Oid>,
}

impl Criteria {
    /// Whether the system group fits, and how much of the sysObjectID does: the longer, the more it is meant.
    pub(super) fn of_system(&self, object: Option<&Oid>, descr: &str) -> Option<usize> {
        let prefix =
            self.sys_object_id.iter().filter(|prefix| object.is_some_and(|it| it.below(prefix).is_some()));
        let length = prefix.map(|prefix| prefix.arcs().len()).max();
        let descr = descr.to_ascii_lowercase();
        let word = self.sys_descr.iter().find(|word| descr.contains(&word.to_ascii_lowercase()));
        match (self.sys_object_id.is_empty(), length, self.sys_descr.is_empty(), word) {
            (false, None, ..) | (_, _, false, None) => None,
            (_, length, _, word) => Some(length.unwrap_or(0) * 2 + usize::from(word.is_some())),
        }
    }

    /// Whether it says anything of the system group.
    pub(super) fn is_of_system(&self) -> bool {
        !self.sys_object_id.is_empty() || !self.sys_descr.is_empty()
    }
}
