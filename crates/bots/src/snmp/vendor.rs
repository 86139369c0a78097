//! Who made a device, by its sysObjectID.

use super::Oid;

/// Private enterprise numbers of IANA's list, of those whose devices are met most.
const VENDORS: &[(u32, &str)] = &[
    (2, "IBM"),
    (9, "Cisco"),
    (11, "HP"),
    (42, "Sun"),
    (43, "3Com"),
    (63, "Apple"),
    (171, "D-Link"),
    (207, "Allied Telesis"),
    (232, "HPE (Compaq)"),
    (253, "Xerox"),
    (311, "Microsoft"),
    (318, "APC"),
    (368, "Axis"),
    (474, "Avocent"),
    (534, "Eaton"),
    (641, "Lexmark"),
    (664, "Adtran"),
    (674, "Dell"),
    (789, "NetApp"),
    (800, "Alcatel-Lucent"),
    (890, "Zyxel"),
    (1182, "Yamaha"),
    (1248, "Epson"),
    (1347, "Kyocera"),
    (1588, "Brocade"),
    (1916, "Extreme Networks"),
    (1991, "Foundry"),
    (2011, "Huawei"),
    (2021, "UCD-SNMP"),
    (2435, "Brother"),
    (2544, "ADVA"),
    (2604, "Sophos"),
    (2606, "Rittal"),
    (2620, "Check Point"),
    (2636, "Juniper"),
    (3224, "NetScreen"),
    (3320, "BDCOM"),
    (3375, "F5"),
    (3417, "Blue Coat"),
    (3902, "ZTE"),
    (4413, "Broadcom"),
    (4526, "Netgear"),
    (5624, "Enterasys"),
    (6486, "Alcatel-Lucent Enterprise"),
    (6527, "Nokia"),
    (6574, "Synology"),
    (6876, "VMware"),
    (6889, "Avaya"),
    (8072, "net-snmp"),
    (8741, "SonicWall"),
    (8886, "Raisecom"),
    (10002, "Ubiquiti"),
    (10704, "Barracuda"),
    (11863, "TP-Link"),
    (12356, "Fortinet"),
    (12740, "EqualLogic"),
    (14179, "Cisco (Airespace)"),
    (14823, "Aruba"),
    (14988, "MikroTik"),
    (17163, "Riverbed"),
    (17713, "Cambium"),
    (22610, "A10 Networks"),
    (24681, "QNAP"),
    (25053, "Ruckus"),
    (25461, "Palo Alto Networks"),
    (25506, "H3C"),
    (29671, "Cisco Meraki"),
    (30065, "Arista"),
    (33049, "Mellanox"),
    (40310, "Cumulus"),
    (41112, "Ubiquiti"),
    (47196, "HPE Aruba"),
];

/// Returns who made a device with this sysObjectID, where it is one of those met most.
pub fn vendor(object: &Oid) -> Option<&'static str> {
    let [1, 3, 6, 1, 4, 1, number, ..] = object.arcs() else { return None };
    let place = VENDORS.binary_search_by_key(number, |(known, _)| *known).ok()?;
    VENDORS.get(place).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_their_enterprise() {
        assert!(VENDORS.is_sorted_by_key(|(number, _)| *number));
        assert_eq!(vendor(&"1.3.6.1.4.1.9.1.1208".parse().unwrap()), Some("Cisco"));
        assert_eq!(vendor(&"1.3.6.1.4.1.8072.3.2.10".parse().unwrap()), Some("net-snmp"));
        assert_eq!(vendor(&"1.3.6.1.4.1.4294967295".parse().unwrap()), None);
        assert_eq!(vendor(&"1.3.6.1.2.1".parse().unwrap()), None);
    }
}
