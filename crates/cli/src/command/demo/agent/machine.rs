//! What the kernel says of this machine, as objects of SNMPv2-MIB, IF-MIB, HOST-RESOURCES-MIB and UCD-SNMP-MIB.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use async_snmp::{Oid, Value, handler::OidTable};

const SYSTEM: &[u32] = &[1, 3, 6, 1, 2, 1, 1];
const IF_NUMBER: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 1];
const IF_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1];
const IF_X_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
const HR_SYSTEM_UPTIME: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 1, 1];
const LOAD_ENTRY: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 10, 1];

/// net-snmp's name for an agent on Linux, by which the kind of a device is known.
const LINUX: &[u32] = &[1, 3, 6, 1, 4, 1, 8072, 3, 2, 10];
/// RFC 2863 and the IANA's list of interface types.
const SOFTWARE_LOOPBACK: i32 = 24;
const ETHERNET: i32 = 6;
const OTHER: i32 = 1;
const UP: i32 = 1;
const DOWN: i32 = 2;
/// What Linux calls loopback and Ethernet (`ARPHRD_LOOPBACK`, `ARPHRD_ETHER`).
const ARPHRD_LOOPBACK: u32 = 772;
const ARPHRD_ETHER: u32 = 1;
/// The bit of an interface's flags that says it was switched on (`IFF_UP`).
const IFF_UP: u32 = 1;

/// Where the kernel tells of the machine, and since when the agent runs.
pub(super) struct Machine {
    proc: PathBuf,
    sys: PathBuf,
    began: Instant,
}

/// An interface: its counters from /proc/net/dev, in that file's order.
struct Interface<'a> {
    name: &'a str,
    received: Traffic,
    sent: Traffic,
}

#[derive(Clone, Copy, Default)]
struct Traffic {
    bytes: u64,
    packets: u64,
    errors: u64,
    dropped: u64,
}

impl Machine {
    /// This machine.
    pub(super) fn new(began: Instant) -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), began }
    }

    /// Returns all objects as they are. What the kernel does not tell is left out.
    pub(super) fn objects(&self, now: Instant) -> OidTable<Value> {
        let mut objects = Vec::new();
        self.system(now, &mut objects);
        self.interfaces(&mut objects);
        self.load(&mut objects);
        objects.into_iter().collect()
    }

    fn system(&self, now: Instant, objects: &mut Vec<(Oid, Value)>) {
        let kernel = |name: &str| self.text(&self.proc.join("sys/kernel").join(name)).unwrap_or_default();
        let name = kernel("hostname");
        let description = format!("{} {name} {}", kernel("ostype"), kernel("osrelease"));
        let mut scalar = |number: u32, value| objects.push((object(SYSTEM, &[number, 0]), value));
        scalar(1, text(&description));
        scalar(2, Value::ObjectIdentifier(Oid::from_slice(LINUX)));
        scalar(3, ticks(now.duration_since(self.began)));
        scalar(5, text(&name));
        let uptime = self.text(&self.proc.join("uptime"));
        if let Some(seconds) = uptime.as_deref().and_then(first_number) {
            objects.push((object(HR_SYSTEM_UPTIME, &[0]), ticks(Duration::from_secs_f64(seconds))));
        }
    }

    fn interfaces(&self, objects: &mut Vec<(Oid, Value)>) {
        let told = self.text(&self.proc.join("net/dev")).unwrap_or_default();
        let mut count = 0;
        for interface in told.lines().filter_map(Interface::read) {
            let folder = self.sys.join("class/net").join(interface.name);
            if let Some(index) = self.number(&folder.join("ifindex")) {
                count += 1;
                self.entry(&interface, index, &folder, objects);
            }
        }
        objects.push((object(IF_NUMBER, &[0]), Value::Integer(count)));
    }

    fn entry(&self, interface: &Interface<'_>, index: u32, folder: &Path, objects: &mut Vec<(Oid, Value)>) {
        let Interface { name, received, sent } = interface;
        let attribute = |name: &str| self.number(&folder.join(name));
        // Mbit/s; an interface without a carrier has none, and a virtual one says -1.
        let speed = attribute("speed").unwrap_or(0);
        let kind = match attribute("type") {
            Some(ARPHRD_LOOPBACK) => SOFTWARE_LOOPBACK,
            Some(ARPHRD_ETHER) => ETHERNET,
            _ => OTHER,
        };
        let flags = self.text(&folder.join("flags")).unwrap_or_default();
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
        let state = self.text(&folder.join("operstate")).unwrap_or_default();
        // Loopback and tunnels do not know their state; they carry what they are given.
        let is_up = state == "up" || (state == "unknown" && flags & IFF_UP != 0);
        let mut row = |column, value| objects.push((object(IF_ENTRY, &[column, index]), value));
        row(1, Value::Integer(integer(index)));
        row(2, text(name));
        row(3, Value::Integer(kind));
        row(4, Value::Integer(integer(attribute("mtu").unwrap_or(0))));
        row(5, Value::Gauge32(speed.saturating_mul(1_000_000)));
        row(6, Value::OctetString(self.hardware_address(folder).into()));
        row(7, Value::Integer(if flags & IFF_UP != 0 { UP } else { DOWN }));
        row(8, Value::Integer(if is_up { UP } else { DOWN }));
        for (column, traffic) in [(10, received), (16, sent)] {
            row(column, Value::Counter32(wrapped(traffic.bytes)));
            row(column + 1, Value::Counter32(wrapped(traffic.packets)));
            row(column + 3, Value::Counter32(wrapped(traffic.dropped)));
            row(column + 4, Value::Counter32(wrapped(traffic.errors)));
        }
        let mut row = |column, value| objects.push((object(IF_X_ENTRY, &[column, index]), value));
        row(1, text(name));
        for (column, traffic) in [(6, received), (10, sent)] {
            row(column, Value::Counter64(traffic.bytes));
            row(column + 1, Value::Counter64(traffic.packets));
        }
        row(15, Value::Gauge32(speed));
        row(18, text(&self.text(&folder.join("ifalias")).unwrap_or_default()));
    }

    fn load(&self, objects: &mut Vec<(Oid, Value)>) {
        let told = self.text(&self.proc.join("loadavg")).unwrap_or_default();
        let names = ["Load-1", "Load-5", "Load-15"];
        for ((index, name), load) in (1..).zip(names).zip(told.split(' ')) {
            let Ok(number) = load.parse::<f64>() else { continue };
            let mut row = |column, value| objects.push((object(LOAD_ENTRY, &[column, index]), value));
            row(1, Value::Integer(integer(index)));
            row(2, text(name));
            row(3, text(load));
            row(5, Value::Integer(hundredths(number)));
        }
    }

    fn hardware_address(&self, folder: &Path) -> Vec<u8> {
        let address = self.text(&folder.join("address")).unwrap_or_default();
        address.split(':').filter_map(|octet| u8::from_str_radix(octet, 16).ok()).collect()
    }

    fn text(&self, path: &Path) -> Option<String> {
        Some(fs::read_to_string(path).ok()?.trim().to_owned())
    }

    fn number(&self, path: &Path) -> Option<u32> {
        self.text(path)?.parse().ok()
    }
}

impl<'a> Interface<'a> {
    /// Reads a line of /proc/net/dev; its two lines of headings have no name with a colon and sixteen numbers.
    fn read(line: &'a str) -> Option<Self> {
        let (name, counters) = line.split_once(':')?;
        let counters: Vec<u64> = counters.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [bytes, packets, errors, dropped, _, _, _, _, sent @ ..] = &*counters else { return None };
        let [sent_bytes, sent_packets, sent_errors, sent_dropped, ..] = sent else { return None };
        Some(Self {
            name: name.trim(),
            received: Traffic { bytes: *bytes, packets: *packets, errors: *errors, dropped: *dropped },
            sent: Traffic {
                bytes: *sent_bytes,
                packets: *sent_packets,
                errors: *sent_errors,
                dropped: *sent_dropped,
            },
        })
    }
}

fn object(prefix: &[u32], rest: &[u32]) -> Oid {
    Oid::from_slice(&[prefix, rest].concat())
}

fn text(text: &str) -> Value {
    Value::OctetString(text.as_bytes().to_vec().into())
}

/// Hundredths of a second, which wrap after 497 days.
fn ticks(span: Duration) -> Value {
    Value::TimeTicks(u32::try_from(span.as_millis() / 10 % (1 << 32)).unwrap_or(0))
}

/// A counter of 32 bits of one of 64.
fn wrapped(count: u64) -> u32 {
    u32::try_from(count % (1 << 32)).unwrap_or(0)
}

fn integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A load as UCD-SNMP-MIB has it.
fn hundredths(load: f64) -> i32 {
    i32::try_from(Duration::try_from_secs_f64(load).unwrap_or_default().as_millis() / 10).unwrap_or(i32::MAX)
}

fn first_number(text: &str) -> Option<f64> {
    text.split(' ').next()?.parse().ok().filter(|number| *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(folder: &Path) -> Machine {
        let files = [
            ("proc/sys/kernel/hostname", "alpha\n"),
            ("proc/sys/kernel/ostype", "Linux\n"),
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            ("proc/uptime", "1234.56 9.9\n"),
            ("proc/loadavg", "0.07 1.25 0.00 1/99 4242\n"),
            (
                "proc/net/dev",
                "Inter-|   Receive                                                |  Transmit\n \
                 face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop\n    \
                 lo:     100       2    0    0    0     0          0         0      100       2    0    0 0 0 0 0\n  \
                 eth0: 5000000000     7    3    1    0     0          0         0  4294967301       8    2    4 0 0 0 0\n",
            ),
            ("sys/class/net/lo/ifindex", "1\n"),
            ("sys/class/net/lo/type", "772\n"),
            ("sys/class/net/lo/operstate", "unknown\n"),
            ("sys/class/net/lo/flags", "0x9\n"),
            ("sys/class/net/eth0/ifindex", "7\n"),
            ("sys/class/net/eth0/type", "1\n"),
            ("sys/class/net/eth0/speed", "10000\n"),
            ("sys/class/net/eth0/operstate", "down\n"),
            ("sys/class/net/eth0/flags", "0x1003\n"),
            ("sys/class/net/eth0/address", "00:16:3e:00:00:2a\n"),
        ];
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Machine { proc: folder.join("proc"), sys: folder.join("sys"), began: Instant::now() }
    }

    #[test]
    fn what_the_kernel_says_stands_under_the_right_names() {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(folder.path());
        let objects = machine.objects(machine.began + Duration::from_millis(1_500));
        let value = |prefix: &[u32], rest: &[u32]| objects.get(&object(prefix, rest)).cloned();
        assert_eq!(value(SYSTEM, &[1, 0]), Some(text("Linux alpha 6.1.0")));
        assert_eq!(value(SYSTEM, &[3, 0]), Some(Value::TimeTicks(150)));
        assert_eq!(value(SYSTEM, &[5, 0]), Some(text("alpha")));
        assert_eq!(value(HR_SYSTEM_UPTIME, &[0]), Some(Value::TimeTicks(123_456)));
        assert_eq!(value(IF_NUMBER, &[0]), Some(Value::Integer(2)));
        assert_eq!(value(LOAD_ENTRY, &[5, 2]), Some(Value::Integer(125)));
        let interface = |index: u32| {
            [2, 3, 5, 7, 8, 10, 13, 14, 16].map(|column| value(IF_ENTRY, &[column, index]).unwrap())
        };
        let counter = Value::Counter32;
        assert_eq!(
            interface(1)[..],
            [text("lo"), Value::Integer(24), Value::Gauge32(0), Value::Integer(1), Value::Integer(1)]
                .into_iter()
                .chain([counter(100), counter(0), counter(0), counter(100)])
                .collect::<Vec<_>>()[..]
        );
        assert_eq!(
            interface(7)[..],
            [text("eth0"), Value::Integer(6), Value::Gauge32(u32::MAX), Value::Integer(1), Value::Integer(2)]
                .into_iter()
                .chain([counter(705_032_704), counter(1), counter(3), counter(5)])
                .collect::<Vec<_>>()[..]
        );
        assert_eq!(value(IF_X_ENTRY, &[6, 7]), Some(Value::Counter64(5_000_000_000)));
        assert_eq!(value(IF_X_ENTRY, &[15, 7]), Some(Value::Gauge32(10_000)));
        assert_eq!(
            value(IF_ENTRY, &[6, 7]),
            Some(Value::OctetString(vec![0, 0x16, 0x3e, 0, 0, 0x2a].into()))
        );
    }

    #[test]
    fn a_machine_that_tells_nothing_still_has_a_system_group() {
        let folder = tempfile::tempdir().unwrap();
        let machine =
            Machine { proc: folder.path().into(), sys: folder.path().into(), began: Instant::now() };
        let objects = machine.objects(machine.began);
        assert_eq!(objects.get(&object(IF_NUMBER, &[0])), Some(&Value::Integer(0)));
        assert_eq!(objects.get(&object(SYSTEM, &[3, 0])), Some(&Value::TimeTicks(0)));
    }
}
