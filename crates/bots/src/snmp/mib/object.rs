//! What is known of an object.

use std::{borrow::Cow, sync::Arc};

/// A text that is built in, or was read from a file.
pub(super) type Text = Cow<'static, str>;

/// What is known of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub(super) module: Text,
    pub(super) name: Text,
    pub(super) arcs: Box<[u32]>,
    pub(super) kind: Kind,
    pub(super) syntax: Option<Syntax>,
}

/// What stands at a place of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name above others.
    Node,
    /// An object that a device has once: its value is at `.0`.
    Scalar,
    /// A table.
    Table,
    /// The rows of a table.
    Row,
    /// A column: its values are at the indices of the rows.
    Column,
    /// What a trap or an inform is about.
    Notification,
}

/// How an object's values are to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Syntax {
    pub(super) type_name: Text,
    pub(super) base: Base,
    pub(super) hint: Option<Text>,
    pub(super) unit: Option<Text>,
    pub(super) words: Arc<[(i64, Text)]>,
}

/// The type under a syntax (RFC 2578, section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of RFC 2578")]
pub enum Base {
    Integer,
    Octets,
    Oid,
    Bits,
    IpAddress,
    Counter32,
    Counter64,
    Gauge32,
    TimeTicks,
}

impl Object {
    /// Returns the module that defines it: `IF-MIB`.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// Returns its name in the module.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its number.
    pub fn arcs(&self) -> &[u32] {
        &self.arcs
    }

    /// Returns what it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns how its values are to be read, where it has values.
    pub const fn syntax(&self) -> Option<&Syntax> {
        self.syntax.as_ref()
    }
}

impl Kind {
    /// Returns its name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Scalar => "scalar",
            Self::Table => "table",
            Self::Row => "row",
            Self::Column => "column",
            Self::Notification => "notification",
        }
    }
}

impl Syntax {
    /// Returns the name of the type: `DisplayString`, `Counter64`.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// Returns the type under it.
    pub const fn base(&self) -> Base {
        self.base
    }

    /// Returns how values are to be shown (DISPLAY-HINT of RFC 2579, section 3.1).
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the unit of values.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// Returns the words that numbers, or bits, stand for.
    pub fn words(&self) -> impl Iterator<Item = (i64, &str)> {
        self.words.iter().map(|(number, word)| (*number, &**word))
    }

    /// Returns the word of a number.
    pub fn word(&self, number: i64) -> Option<&str> {
        self.words().find(|(known, _)| *known == number).map(|(_, word)| word)
    }

    /// Returns the number of a word.
    pub fn number(&self, word: &str) -> Option<i64> {
        self.words().find(|(_, known)| *known == word).map(|(number, _)| number)
    }
}

impl Base {
    /// Returns its name as standards write it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Octets => "OCTET STRING",
            Self::Oid => "OBJECT IDENTIFIER",
            Self::Bits => "BITS",
            Self::IpAddress => "IpAddress",
            Self::Counter32 => "Counter32",
            Self::Counter64 => "Counter64",
            Self::Gauge32 => "Gauge32",
            Self::TimeTicks => "TimeTicks",
        }
    }
}
