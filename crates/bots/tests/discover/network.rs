//! A network of switches: a tree in which each link is told in one of four ways, and a few links that a spanning tree blocks.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, UdpSocket},
};

use grafolean_bots::{
    discover::{Evidence, Networks},
    snmp::{Oid, Value},
};

use crate::responder::{NetworkPath, Responder};

/// A link as a test compares it: device and port of both ends in order, and by what it is known.
pub(crate) type Told = ([(String, String); 2], Evidence);

pub(crate) struct Network {
    pub(crate) port: u16,
    pub(crate) links: BTreeSet<Told>,
    /// An address that a switch tells of and that was not asked.
    pub(crate) stranger: IpAddr,
    count: usize,
    _agents: Vec<Responder>,
}

/// A link of two switches, by their ports.
#[derive(Clone, Copy)]
struct Cable {
    ends: [(usize, u32); 2],
    evidence: Evidence,
    is_blocked: bool,
}

fn address(switch: usize) -> Ipv4Addr {
    let switch = u32::try_from(switch).unwrap();
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 90, 0, 1).to_bits() + switch)
}

fn name(switch: usize) -> String {
    format!("sw-{switch}.example.org")
}

fn port_name(port: u32) -> String {
    format!("Gi0/{port}")
}

/// The bridge's own address of hardware; those of ports end in their number.
fn mac(switch: usize, port: u32) -> Vec<u8> {
    vec![0x02, 0xaa, 0, u8::try_from(switch).unwrap(), 0, u8::try_from(port).unwrap()]
}

/// The cables of so many switches: a tree, in which each hangs on one that came before it, and some that are blocked.
fn cables(count: usize) -> Vec<Cable> {
    let kinds = [Evidence::LldpBothSides, Evidence::Fdb, Evidence::Cdp, Evidence::LldpOneSide];
    let number = |switch: usize| u32::try_from(switch).unwrap();
    let tree = (1..count).map(|switch| {
        // Wide at the top, with chains below.
        let parent = if switch % 3 == 0 { switch - 1 } else { switch / 3 };
        let ends = [(parent, 40 + number(switch)), (switch, 2)];
        Cable { ends, evidence: kinds[switch % 4], is_blocked: false }
    });
    let blocked = (3..count).step_by(10).map(|switch| {
        let ends = [(switch, 100 + number(switch)), ((switch + 20) % count, 100 + number(switch))];
        Cable { ends, evidence: Evidence::LldpBothSides, is_blocked: true }
    });
    tree.chain(blocked).collect()
}

impl Network {
    pub(crate) fn of(count: usize) -> Self {
        let cables = cables(count);
        let sockets = sockets(count);
        let port = sockets[0].local_addr().unwrap().port();
        let stranger = IpAddr::from([192, 0, 2, 77]);
        let agents = sockets
            .into_iter()
            .enumerate()
            .map(|(switch, socket)| {
                let mut objects: Vec<_> = objects(switch, count, &cables).into_iter().collect();
                objects.sort_by(|(a, _), (b, _)| a.cmp(b));
                Responder::at(socket, NetworkPath::Clear, &objects, 8_192)
            })
            .collect();
        let links = cables.iter().map(|Cable { ends, evidence, .. }| {
            let mut named = ends.map(|(switch, port)| (name(switch), port_name(port)));
            named.sort();
            (named, *evidence)
        });
        Self { port, links: links.collect(), stranger, count, _agents: agents }
    }

    pub(crate) fn addresses(&self) -> Networks {
        format!("{}-{}", address(0), address(self.count - 1)).parse().unwrap()
    }
}

/// Opens the same port at each address.
fn sockets(count: usize) -> Vec<UdpSocket> {
    loop {
        let first = UdpSocket::bind((address(0), 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let others: Result<Vec<_>, _> =
            (1..count).map(|switch| UdpSocket::bind((address(switch), port))).collect();
        if let Ok(others) = others {
            return std::iter::once(first).chain(others).collect();
        }
    }
}

fn oid(root: &str, index: &[u32]) -> Oid {
    let root: Oid = root.parse().unwrap();
    Oid::new([root.arcs(), index].concat()).unwrap()
}

fn octets(octets: impl AsRef<[u8]>) -> Value {
    Value::Octets(octets.as_ref().into())
}

fn objects(switch: usize, count: usize, cables: &[Cable]) -> BTreeMap<Oid, Value> {
    let mut all = BTreeMap::new();
    let mut put = |root: &str, index: &[u32], value: Value| drop(all.insert(oid(root, index), value));
    put("1.3.6.1.2.1.1.1.0", &[], octets("a switch of a test"));
    put("1.3.6.1.2.1.1.2.0", &[], Value::Oid("1.3.6.1.4.1.9.1.1".parse().unwrap()));
    put("1.3.6.1.2.1.1.3.0", &[], Value::TimeTicks(1_000));
    put("1.3.6.1.2.1.1.5.0", &[], octets(name(switch)));
    put("1.3.6.1.2.1.47.1.1.1.1.5", &[1], Value::Integer(3));
    put("1.3.6.1.2.1.47.1.1.1.1.13", &[1], octets(format!("WS-C2960-{switch}")));
    put("1.3.6.1.2.1.17.1.1.0", &[], octets(mac(switch, 0)));
    put("1.0.8802.1.1.2.1.3.2.0", &[], octets(mac(switch, 0)));
    let mine = |cable: &Cable| {
        let [one, two] = cable.ends;
        [(one, two), (two, one)].into_iter().find(|(own, _)| own.0 == switch)
    };
    let mut ports: BTreeSet<u32> = cables.iter().filter_map(mine).map(|((_, port), _)| port).collect();
    ports.insert(1);
    for port in &ports {
        let index = [*port];
        put("1.3.6.1.2.1.2.2.1.2", &index, octets(format!("GigabitEthernet0/{port}")));
        put("1.3.6.1.2.1.2.2.1.6", &index, octets(mac(switch, *port)));
        put("1.3.6.1.2.1.2.2.1.8", &index, Value::Integer(1));
        put("1.3.6.1.2.1.31.1.1.1.1", &index, octets(port_name(*port)));
        put("1.3.6.1.2.1.31.1.1.1.15", &index, Value::Gauge32(1_000));
        put("1.0.8802.1.1.2.1.3.7.1.3", &index, octets(port_name(*port)));
        put("1.3.6.1.2.1.17.1.4.1.2", &[port + 1_000], Value::Integer(i32::try_from(*port).unwrap()));
    }
    for (number, cable) in (1..).zip(cables) {
        let Some(((_, port), (other, remote))) = mine(cable) else { continue };
        let tells = match cable.evidence {
            Evidence::LldpBothSides => true,
            Evidence::LldpOneSide => cable.ends[0].0 == switch,
            Evidence::Cdp | Evidence::Fdb => false,
        };
        if tells {
            let row = [0, port, number];
            put("1.0.8802.1.1.2.1.4.1.1.5", &row, octets(mac(other, 0)));
            put("1.0.8802.1.1.2.1.4.1.1.7", &row, octets(port_name(remote)));
            put("1.0.8802.1.1.2.1.4.1.1.9", &row, octets(name(other)));
        }
        if cable.evidence == Evidence::Cdp {
            let row = [port, number];
            put("1.3.6.1.4.1.9.9.23.1.2.1.1.4", &row, octets(address(other).octets()));
            put("1.3.6.1.4.1.9.9.23.1.2.1.1.6", &row, octets(format!("SW-{other}.example.org(FOC{other})")));
            put("1.3.6.1.4.1.9.9.23.1.2.1.1.7", &row, octets(format!("GigabitEthernet0/{remote}")));
        }
    }
    if switch == 5 {
        // Somebody that nobody asked, and a neighbour that tells its address in its LLDP.
        let row = [0, 1, 9_999];
        put("1.0.8802.1.1.2.1.4.1.1.5", &row, octets([2, 0xbb, 0, 0, 0, 1]));
        put("1.0.8802.1.1.2.1.4.1.1.7", &row, octets("port 1"));
        put("1.0.8802.1.1.2.1.4.1.1.9", &row, octets("stranger"));
        put("1.0.8802.1.1.2.1.4.2.1.3", &[0, 1, 9_999, 1, 4, 192, 0, 2, 77], Value::Integer(2));
    }
    // What it saw: each other bridge at the port of the tree that leads there, and a host at its first port.
    for other in (0..count).filter(|other| *other != switch) {
        let port = towards(switch, other, cables);
        let station: Vec<u32> = mac(other, 0).into_iter().map(u32::from).collect();
        put("1.3.6.1.2.1.17.4.3.1.2", &station, Value::Integer(i32::try_from(port + 1_000).unwrap()));
    }
    put("1.3.6.1.2.1.17.7.1.2.2.1.2", &[7, 2, 0xcc, 0, 0, 0, 1], Value::Integer(1_001));
    all
}

/// The port by which a switch reaches another over the tree.
fn towards(switch: usize, other: usize, cables: &[Cable]) -> u32 {
    let mut reached = BTreeMap::from([(switch, None)]);
    let mut ahead = vec![switch];
    while let Some(at) = ahead.pop() {
        for cable in cables.iter().filter(|cable| !cable.is_blocked) {
            let [one, two] = cable.ends;
            for (from, to) in [(one, two), (two, one)] {
                if from.0 == at && !reached.contains_key(&to.0) {
                    let port = reached[&at].or(Some(from.1));
                    reached.insert(to.0, port);
                    ahead.push(to.0);
                }
            }
        }
    }
    reached[&other].unwrap()
}
