//! A device's interfaces: what its interface tables say, as the children it is to have.

use std::collections::BTreeMap;

use grafolean_collector::{
    model::{AccountId, Details, EntityId},
    report::{Child, Children},
    time::Timestamp,
};

use super::{Value, text};

/// The type of the children and the key that tells one from another.
const ENTITY_TYPE: &str = "interface";
const KEY: &str = "snmp_index";

/// other, softwareLoopback, propVirtual, tunnel and mplsTunnel of ifType (IANAifType-MIB).
const WITHOUT_WIRE: [u64; 5] = [1, 24, 53, 131, 150];

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
    kind: Option<u64>,
    speed: Option<u64>,
    name: Option<String>,
    high_speed: Option<u64>,
    alias: Option<String>,
}

impl Interfaces {
    /// Puts one cell of a table in, in any order; a row whose index is no single number is none.
    pub fn put(&mut self, column: Column, index: &[u32], value: &Value) {
        let &[index] = index else { return };
        let row = self.0.entry(index).or_default();
        let name = match value {
            Value::Octets(octets) => text::of_name(octets),
            value => value.text().into_owned(),
        };
        let text = || Some(name).filter(|name| !name.is_empty());
        let number = value.whole_number();
        match column {
            Column::Description => row.description = Some(text().unwrap_or_default()),
            Column::Type => row.kind = number,
            Column::Speed => row.speed = number,
            Column::Name => row.name = text(),
            Column::HighSpeed => row.high_speed = number,
            Column::Alias => row.alias = text(),
        }
    }

    /// Copies cells of a column from what was known before, of rows that have none: those that were not told this time.
    pub fn keep_known(&mut self, column: Column, known: &Self, was_told: impl Fn(u32) -> bool) {
        for (index, row) in &mut self.0 {
            let Some(before) = known.0.get(index).filter(|_| !was_told(*index)) else { continue };
            match column {
                Column::Description => {}
                Column::Type => row.kind = row.kind.or(before.kind),
                Column::Speed => row.speed = row.speed.or(before.speed),
                Column::Name => row.name = row.name.take().or_else(|| before.name.clone()),
                Column::HighSpeed => row.high_speed = row.high_speed.or(before.high_speed),
                Column::Alias => row.alias = row.alias.take().or_else(|| before.alias.clone()),
            }
        }
    }

    /// Returns the bits a second that interfaces can carry, by their index, of those that tell it. What has no wire
    /// carries what the machine can, whatever speed it tells: of such an interface none is given.
    pub fn ceilings_bps(&self) -> impl Iterator<Item = (u32, u64)> {
        let has_wire = |row: &Interface| row.kind.is_none_or(|kind| !WITHOUT_WIRE.contains(&kind));
        let wired = self.0.iter().filter(move |(_, row)| has_wire(row));
        wired.filter_map(|(index, row)| Some((*index, row.speed_bps()?)))
    }

    /// Returns the number of interfaces.
    pub fn len(&self) -> usize {
        self.0.values().filter(|row| row.description.is_some()).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns them as the children of a device: those that have an ifDescr, by their index. The name is ifDescr, as
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
    /// ifSpeed; ifHighSpeed, which is rounded to millions, where that says more: ifSpeed ends at 4.3 Gbit/s, and some agents
    /// tell what is left of a greater one in 32 bits (RFC 2863).
    fn speed_bps(&self) -> Option<u64> {
        const ROUNDING: u64 = 500_000;
        let high =
            self.high_speed.map(|millions| millions.saturating_mul(1_000_000)).filter(|speed| *speed > 0);
        let low = self.speed.filter(|speed| *speed > 0);
        match (low, high) {
            (Some(low), Some(high)) if low.saturating_add(ROUNDING) >= high && low != u64::from(u32::MAX) => {
                Some(low)
            }
            (low, high) => high.or(low),
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
    pub what: CounterKind,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterKind {
    /// Octets, for which the interface's speed is a bound.
    Octets,
    /// Packets or errors.
    Packets,
}

/// Returns what an object, or a column, of the interface tables counts, where it does (RFC 2863). The name may come in
/// two parts.
pub fn counted(root: &[u32], index: &[u32]) -> Option<Counted> {
    let mut arcs = root.iter().chain(index).copied();
    let table: [u32; 9] = std::array::from_fn(|_| arcs.next().unwrap_or_default());
    let what = match (table, arcs.next()?) {
        ([1, 3, 6, 1, 2, 1, 2, 2, 1], 10 | 16) => CounterKind::Octets,
        ([1, 3, 6, 1, 2, 1, 2, 2, 1], 11..=15 | 17..=20) => CounterKind::Packets,
        ([1, 3, 6, 1, 2, 1, 31, 1, 1], 1) => match arcs.next()? {
            6 | 10 => CounterKind::Octets,
            2..=5 | 7..=9 | 11..=13 => CounterKind::Packets,
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
        for (index, speed, high) in [
            (1, u32::MAX, 100_000),
            (2, 1_544_000, 2),
            (3, 0, 10),
            (4, u32::MAX, 0),
            (5, 1_410_065_408, 10_000),
        ] {
            interfaces.put(Column::Description, &[index], &text(&format!("p{index}")));
            interfaces.put(Column::Speed, &[index], &Value::Gauge32(speed));
            interfaces.put(Column::HighSpeed, &[index], &Value::Gauge32(high));
        }
        assert_eq!(
            told(&interfaces),
            ["p1 1 100000000000", "p2 2 1544000", "p3 3 10000000", "p4 4 4294967295", "p5 5 10000000000",]
        );
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
    fn no_control_character_leaves_and_a_speed_may_have_any_numeric_type() {
        let mut interfaces = Interfaces::default();
        let speeds = [
            Value::Counter64(10_000_000_000),
            Value::Counter32(100),
            Value::Octets((*b"1000").into()),
            Value::Integer(-1),
            Value::Unreadable("Gauge32"),
        ];
        for (index, speed) in (1..).zip(&speeds) {
            interfaces.put(Column::Description, &[index], &text(&format!("p{index}\0x\u{7}\0\0")));
            interfaces.put(Column::Alias, &[index], &text("up\0link\r\n"));
            interfaces.put(Column::Speed, &[index], speed);
        }
        assert_eq!(
            told(&interfaces),
            ["p1 x 1 10000000000", "p2 x 2 100", "p3 x 3 1000", "p4 x 4 0", "p5 x 5 0"]
        );
        let children =
            interfaces.children(AccountId::new(1), EntityId::new(2), Timestamp::default()).children;
        assert!(children.iter().all(|child| child.details["snmp_alias"] == "up link"));
    }

    #[test]
    fn a_cell_that_was_not_told_this_time_is_what_it_was() {
        let (mut known, mut interfaces) = (Interfaces::default(), Interfaces::default());
        for index in 1..=3 {
            known.put(Column::Description, &[index], &text(&format!("p{index}")));
            known.put(Column::Alias, &[index], &text(&format!("a{index}")));
            interfaces.put(Column::Description, &[index], &text(&format!("p{index}")));
        }
        interfaces.put(Column::Alias, &[1], &text("new"));
        // The agent says that the second has none.
        interfaces.keep_known(Column::Alias, &known, |index| index == 2);
        let aliases: Vec<_> = interfaces.0.values().map(|row| row.alias.as_deref()).collect();
        assert_eq!(aliases, [Some("new"), None, Some("a3")]);
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
        let octets = |interface| Some(Counted { interface, what: CounterKind::Octets });
        assert_eq!(of("1.3.6.1.2.1.2.2.1.16.7"), octets(Some(7)));
        assert_eq!(of("1.3.6.1.2.1.31.1.1.1.6.9"), octets(Some(9)));
        assert_eq!(
            of("1.3.6.1.2.1.2.2.1.11.7"),
            Some(Counted { interface: Some(7), what: CounterKind::Packets })
        );
        assert_eq!(of("1.3.6.1.2.1.2.2.1.10"), octets(None));
        assert_eq!(counted(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 10], &[4]), octets(Some(4)));
        for none in
            ["1.3.6.1.2.1.2.2.1.5.7", "1.3.6.1.2.1.2.2.1.10.4.4", "1.3.6.1.2.1.31.1.1.1.15.1", "1.3.6"]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
