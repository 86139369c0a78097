//! A device's interfaces: what its interface tables say, as the children it is to have.

use std::collections::BTreeMap;

use grafolean_collector::{
    model::{AccountId, Details, EntityId},
    report::{Child, Children},
    time::Timestamp,
};

use super::Value;

/// The type of the children and the key that tells one from another.
const ENTITY_TYPE: &str = "interface";
const KEY: &str = "snmp_index";

/// other, softwareLoopback, propVirtual, tunnel and mplsTunnel of ifType (IANAifType-MIB).
const WITHOUT_WIRE: [u32; 5] = [1, 24, 53, 131, 150];

/// ifCounterDiscontinuityTime: sysUpTime when an interface's counters last began anew (RFC 2863).
pub(super) const DISCONTINUITY: [u32; 11] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 19];

/// The columns that tell what interfaces there are (RFC 2863).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Column {
    /// ifDescr: which rows there are, and their names.
    Description,
    /// ifType: what kind.
    Type,
    /// ifSpeed: bits a second, at most 4.3 Gbit/s.
    Speed,
    /// ifName: the short name.
    Name,
    /// ifHighSpeed: millions of bits a second.
    HighSpeed,
    /// ifAlias: what the operator called it.
    Alias,
}

impl Column {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Description, Self::Type, Self::Speed, Self::Name, Self::HighSpeed, Self::Alias];

    /// The column's arcs.
    pub const fn arcs(self) -> &'static [u32] {
        match self {
            Self::Description => &[1, 3, 6, 1, 2, 1, 2, 2, 1, 2],
            Self::Type => &[1, 3, 6, 1, 2, 1, 2, 2, 1, 3],
            Self::Speed => &[1, 3, 6, 1, 2, 1, 2, 2, 1, 5],
            Self::Name => &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1],
            Self::HighSpeed => &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 15],
            Self::Alias => &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18],
        }
    }
}

/// What is known of a device's interfaces, by their index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interfaces(BTreeMap<u32, Interface>);

/// One interface.
#[derive(Clone, Debug, Default, PartialEq)]
struct Interface {
    description: Option<String>,
    kind: Option<u32>,
    speed: Option<u32>,
    name: Option<String>,
    high_speed: Option<u32>,
    alias: Option<String>,
}

impl Interfaces {
    /// Puts one cell of a table in, in any order; a row whose index is no single number is none.
    pub fn put(&mut self, column: Column, index: &[u32], value: &Value) {
        let &[index] = index else { return };
        let row = self.0.entry(index).or_default();
        let text = || Some(value.text().trim().to_owned()).filter(|text| !text.is_empty());
        let number = match *value {
            Value::Gauge32(number) => Some(number),
            Value::Integer(number) => u32::try_from(number).ok(),
            _ => None,
        };
        match column {
            Column::Description => row.description = Some(text().unwrap_or_default()),
            Column::Type => row.kind = number,
            Column::Speed => row.speed = number,
            Column::Name => row.name = text(),
            Column::HighSpeed => row.high_speed = number,
            Column::Alias => row.alias = text(),
        }
    }

    /// Gives the bits a second that interfaces can carry, by their index, of those that tell it. What has no wire
    /// carries what the machine can, whatever speed it tells: of such an interface none is given.
    pub fn ceilings_bps(&self) -> impl Iterator<Item = (u32, u64)> {
        let has_wire = |row: &Interface| row.kind.is_none_or(|kind| !WITHOUT_WIRE.contains(&kind));
        let wired = self.0.iter().filter(move |(_, row)| has_wire(row));
        wired.filter_map(|(index, row)| Some((*index, row.speed_bps()?)))
    }

    /// Gives the number of interfaces.
    pub fn len(&self) -> usize {
        self.0.values().filter(|row| row.description.is_some()).count()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives them as the children of a device: those that have an ifDescr, by their index. The name is ifDescr, as
    /// existing entities have it; ifName stands in where ifDescr is empty or shared with another interface, and
    /// ifName and ifAlias are told in the details.
    pub fn children(&self, account: AccountId, parent: EntityId, time: Timestamp) -> Children {
        let mut times_described: BTreeMap<&str, usize> = BTreeMap::new();
        for row in self.0.values() {
            *times_described.entry(row.description.as_deref().unwrap_or_default()).or_default() += 1;
        }
        let child = |(index, row): (&u32, &Interface)| {
            let description = row.description.as_deref()?;
            let says_which = !description.is_empty() && times_described.get(description) == Some(&1);
            let name = if says_which { description } else { row.name.as_deref().unwrap_or(description) };
            let name = if name.is_empty() { format!("interface {index}") } else { name.to_owned() };
            Some(Child { name, details: row.details(*index) })
        };
        Children {
            account,
            parent,
            time,
            entity_type: ENTITY_TYPE.to_owned(),
            key: KEY.to_owned(),
            children: self.0.iter().filter_map(child).collect(),
        }
    }
}

impl Interface {
    /// ifSpeed, and ifHighSpeed where that is at its end or absent.
    fn speed_bps(&self) -> Option<u64> {
        let high = self.high_speed.map(|millions| u64::from(millions) * 1_000_000).filter(|speed| *speed > 0);
        match self.speed {
            Some(u32::MAX) | Some(0) | None => {
                high.or_else(|| self.speed.filter(|speed| *speed > 0).map(u64::from))
            }
            Some(speed) => Some(speed.into()),
        }
    }

    /// Strings, as the backend's own interfaces have them.
    fn details(&self, index: u32) -> Details {
        let mut details = Details::new();
        details.insert(KEY.to_owned(), index.to_string().into());
        details.insert("speed_bps".to_owned(), self.speed_bps().unwrap_or(0).to_string().into());
        for (key, text) in [("snmp_name", &self.name), ("snmp_alias", &self.alias)] {
            if let Some(text) = text {
                details.insert(key.to_owned(), text.as_str().into());
            }
        }
        details
    }
}

/// What an object counts of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its index; None where the object is a column.
    pub interface: Option<u32>,
    /// What.
    pub what: What,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Octets, for which the interface's speed is a bound.
    Octets,
    /// Packets or errors.
    Packets,
}

/// Tells what an object, or a column, of the interface tables counts, where it does (RFC 2863). The name may come in
/// two parts.
pub fn counted(root: &[u32], index: &[u32]) -> Option<Counted> {
    let mut arcs = root.iter().chain(index).copied();
    let table: [u32; 9] = std::array::from_fn(|_| arcs.next().unwrap_or_default());
    let what = match (table, arcs.next()?) {
        ([1, 3, 6, 1, 2, 1, 2, 2, 1], 10 | 16) => What::Octets,
        ([1, 3, 6, 1, 2, 1, 2, 2, 1], 11..=15 | 17..=20) => What::Packets,
        ([1, 3, 6, 1, 2, 1, 31, 1, 1], 1) => match arcs.next()? {
            6 | 10 => What::Octets,
            2..=5 | 7..=9 | 11..=13 => What::Packets,
            _ => return None,
        },
        _ => return None,
    };
    let interface = arcs.next();
    arcs.next().is_none().then_some(Counted { interface, what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::Oid;

    fn text(text: &str) -> Value {
        Value::Octets(text.as_bytes().into())
    }

    fn told(interfaces: &Interfaces) -> Vec<String> {
        let children =
            interfaces.children(AccountId::new(1), EntityId::new(2), Timestamp::default()).children;
        let tell = |child: &Child| {
            let detail = |key: &str| child.details[key].as_str().unwrap().to_owned();
            format!("{} {} {}", child.name, detail("snmp_index"), detail("speed_bps"))
        };
        children.iter().map(tell).collect()
    }

    #[test]
    fn rows_in_any_order_become_children_with_strings() {
        let mut interfaces = Interfaces::default();
        interfaces.put(Column::Speed, &[2], &Value::Gauge32(10_000_000));
        interfaces.put(Column::Description, &[2], &text("eth1"));
        interfaces.put(Column::Description, &[1], &text("lo"));
        interfaces.put(Column::Description, &[1, 7], &text("no row"));
        assert_eq!(told(&interfaces), ["lo 1 0", "eth1 2 10000000"]);
        assert_eq!(interfaces.len(), 2);
    }

    #[test]
    fn a_row_without_a_description_is_no_interface() {
        let mut interfaces = Interfaces::default();
        interfaces.put(Column::Speed, &[3], &Value::Gauge32(1));
        assert!(told(&interfaces).is_empty() && interfaces.is_empty());
    }

    #[test]
    fn fast_interfaces_tell_their_speed_in_millions() {
        let mut interfaces = Interfaces::default();
        for (index, speed, high) in [(1, u32::MAX, 100_000), (2, 1_000, 7), (3, 0, 10), (4, u32::MAX, 0)] {
            interfaces.put(Column::Description, &[index], &text(&format!("p{index}")));
            interfaces.put(Column::Speed, &[index], &Value::Gauge32(speed));
            interfaces.put(Column::HighSpeed, &[index], &Value::Gauge32(high));
        }
        assert_eq!(told(&interfaces), ["p1 1 100000000000", "p2 2 1000", "p3 3 10000000", "p4 4 4294967295"]);
    }

    #[test]
    fn a_name_stands_in_where_the_description_does_not_tell_which() {
        let mut interfaces = Interfaces::default();
        for (index, description, name) in
            [(1, "port", "ge-0/0/1"), (2, "port", "ge-0/0/2"), (3, "", "me0"), (4, "", "")]
        {
            interfaces.put(Column::Description, &[index], &text(description));
            interfaces.put(Column::Name, &[index], &text(name));
        }
        assert_eq!(told(&interfaces), ["ge-0/0/1 1 0", "ge-0/0/2 2 0", "me0 3 0", "interface 4 4 0"]);
    }

    #[test]
    fn what_has_no_wire_has_no_ceiling() {
        let mut interfaces = Interfaces::default();
        for (index, kind, speed) in [(1, 24, 10_000_000), (2, 6, 1_000_000), (3, 6, 0), (4, 131, 9_000)] {
            interfaces.put(Column::Description, &[index], &text(&format!("p{index}")));
            interfaces.put(Column::Type, &[index], &Value::Integer(kind));
            interfaces.put(Column::Speed, &[index], &Value::Gauge32(speed));
        }
        assert_eq!(interfaces.ceilings_bps().collect::<Vec<_>>(), [(2, 1_000_000)]);
    }

    #[test]
    fn counters_of_interfaces_are_known_by_their_columns() {
        let of = |oid: &str| counted(oid.parse::<Oid>().unwrap().arcs(), &[]);
        let octets = |interface| Some(Counted { interface, what: What::Octets });
        assert_eq!(of("1.3.6.1.2.1.2.2.1.16.7"), octets(Some(7)));
        assert_eq!(of("1.3.6.1.2.1.31.1.1.1.6.9"), octets(Some(9)));
        assert_eq!(of("1.3.6.1.2.1.2.2.1.11.7"), Some(Counted { interface: Some(7), what: What::Packets }));
        assert_eq!(of("1.3.6.1.2.1.2.2.1.10"), octets(None));
        assert_eq!(counted(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 10], &[4]), octets(Some(4)));
        for none in
            ["1.3.6.1.2.1.2.2.1.5.7", "1.3.6.1.2.1.2.2.1.10.4.4", "1.3.6.1.2.1.31.1.1.1.15.1", "1.3.6"]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
