//! A template as declared: the names and widths of a record's fields.

use serde::{Deserialize, Serialize};

/// The length by which a field says that each record names its own.
pub const VARIABLE: u16 = u16::MAX;

/// Who gave an element its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Space {
    /// IANA's registry; NetFlow v9's field types agree with it where it matters.
    Iana,
    /// A vendor, by its private enterprise number.
    Enterprise(u32),
    /// NetFlow v9's scopes of options (1 system, 2 interface, 3 line card, 4 cache, 5 template).
    Scope,
}

/// One field of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// Whose number the element is.
    pub space: Space,
    /// The element.
    pub element: u16,
    /// Octets of each value, or [`VARIABLE`].
    pub length: u16,
}

/// A template as its exporter declared it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Template id, 256 or more.
    pub id: u16,
    /// For templates of options: how many of the fields say what a record is about. `None` for templates of flows.
    pub scopes: Option<u16>,
    /// The fields, in the order of a record.
    pub fields: Vec<Field>,
}

/// What a template set says about one template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declaration {
    /// This template holds from here on.
    Define(Definition),
    /// This template is no more (RFC 7011, section 8.1).
    Withdraw(u16),
    /// No template of flows is valid any more.
    WithdrawFlows,
    /// No template of options is valid any more.
    WithdrawOptions,
}

impl Definition {
    /// Returns the octets of the shortest record there can be.
    pub fn shortest(&self) -> usize {
        self.fields
            .iter()
            .map(|field| if field.length == VARIABLE { 1 } else { usize::from(field.length) })
            .sum()
    }
}
