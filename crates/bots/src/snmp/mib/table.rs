//! Objects by their number and by their name.

use std::collections::HashMap;

use super::object::Object;

/// Objects by their number and by their name.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// In the order of their numbers, those of one number in the order in which they came.
    objects: Vec<Object>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Table {
    pub(super) fn of(mut objects: Vec<Object>) -> Self {
        objects.sort_by(|one, other| one.arcs.cmp(&other.arcs));
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, object) in objects.iter().enumerate() {
            by_name.entry(object.name.to_string()).or_default().push(place);
        }
        Self { objects, by_name }
    }

    /// Returns the object of a number, or of the longest part of it that is one.
    pub(super) fn nearest(&self, arcs: &[u32]) -> Option<&Object> {
        (1..=arcs.len()).rev().find_map(|length| self.exact(arcs.get(..length)?))
    }

    /// Returns the object of a number.
    pub(super) fn exact(&self, arcs: &[u32]) -> Option<&Object> {
        let place = self.objects.partition_point(|object| *object.arcs < *arcs);
        self.objects.get(place).filter(|object| *object.arcs == *arcs)
    }

    /// Returns the object of a name, in a module where one is said.
    pub(super) fn named(&self, module: Option<&str>, name: &str) -> Option<&Object> {
        let places = self.by_name.get(name)?;
        let mut objects = places.iter().filter_map(|place| self.objects.get(*place));
        objects.find(|object| module.is_none_or(|module| object.module == module))
    }

    /// Returns the object of a name below another.
    pub(super) fn child(&self, above: &[u32], name: &str) -> Option<&Object> {
        let mut objects = self.by_name.get(name)?.iter().filter_map(|place| self.objects.get(*place));
        objects.find(|object| object.arcs.split_last().is_some_and(|(_, parent)| parent == above))
    }

    pub(super) fn has_module(&self, module: &str) -> bool {
        self.objects.iter().any(|object| object.module == module)
    }

    pub(super) fn objects(&self) -> &[Object] {
        &self.objects
    }
}
