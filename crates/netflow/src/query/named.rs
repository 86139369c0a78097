//! Names that people have for numbers: services, classes of traffic, TCP's control bits.

/// TCP's control bits from the lowest on, by their letters.
pub(super) const FLAGS: &str = "FSRPAUECN";

/// Classes of traffic, each by its names, the first of which is written.
///
/// Source: Differentiated Services Field Codepoints, <https://www.iana.org/assignments/dscp-registry>; RFC 8622 of `le`.
const DSCP: [(i64, &[&str]); 23] = [
    (0, &["cs0", "df", "be"]),
    (1, &["le"]),
    (8, &["cs1"]),
    (10, &["af11"]),
    (12, &["af12"]),
    (14, &["af13"]),
    (16, &["cs2"]),
    (18, &["af21"]),
    (20, &["af22"]),
    (22, &["af23"]),
    (24, &["cs3"]),
    (26, &["af31"]),
    (28, &["af32"]),
    (30, &["af33"]),
    (32, &["cs4"]),
    (34, &["af41"]),
    (36, &["af42"]),
    (38, &["af43"]),
    (40, &["cs5"]),
    (44, &["voice-admit", "va"]),
    (46, &["ef"]),
    (48, &["cs6"]),
    (56, &["cs7"]),
];

/// Services by port, the same over TCP and UDP; of two names of one port the first is written.
///
/// Source: Service Name and Transport Protocol Port Number Registry,
/// <https://www.iana.org/assignments/service-names-port-numbers>, and the names that people use beside it.
#[rustfmt::skip]
const SERVICES: &[(i64, &str)] = &[
    (7, "echo"), (9, "discard"), (19, "chargen"), (20, "ftp-data"), (21, "ftp"), (22, "ssh"), (23, "telnet"),
    (25, "smtp"), (37, "time"), (43, "whois"), (49, "tacacs"), (53, "domain"), (53, "dns"), (67, "bootps"),
    (67, "dhcp"), (68, "bootpc"), (69, "tftp"), (70, "gopher"), (79, "finger"), (80, "http"), (88, "kerberos"),
    (102, "iso-tsap"), (110, "pop3"), (111, "sunrpc"), (113, "ident"), (119, "nntp"), (123, "ntp"),
    (135, "epmap"), (137, "netbios-ns"), (138, "netbios-dgm"), (139, "netbios-ssn"), (143, "imap"),
    (161, "snmp"), (162, "snmptrap"), (177, "xdmcp"), (179, "bgp"), (194, "irc"), (264, "bgmp"), (319, "ptp-event"),
    (320, "ptp-general"), (389, "ldap"), (427, "svrloc"), (443, "https"), (445, "microsoft-ds"), (445, "smb"),
    (464, "kpasswd"), (465, "submissions"), (465, "smtps"), (500, "isakmp"), (502, "mbap"), (502, "modbus"),
    (512, "exec"), (513, "login"), (514, "syslog"), (515, "printer"), (520, "router"), (520, "rip"),
    (521, "ripng"), (540, "uucp"), (543, "klogin"), (544, "kshell"), (546, "dhcpv6-client"),
    (547, "dhcpv6-server"), (548, "afpovertcp"), (554, "rtsp"), (563, "nntps"), (587, "submission"),
    (623, "asf-rmcp"), (623, "ipmi"), (631, "ipp"), (636, "ldaps"), (646, "ldp"), (694, "ha-cluster"),
    (749, "kerberos-adm"), (830, "netconf-ssh"), (853, "domain-s"), (853, "dot"), (860, "iscsi"), (873, "rsync"),
    (989, "ftps-data"), (990, "ftps"), (992, "telnets"), (993, "imaps"), (995, "pop3s"), (1080, "socks"),
    (1099, "rmiregistry"), (1194, "openvpn"), (1433, "ms-sql-s"), (1433, "mssql"), (1434, "ms-sql-m"),
    (1521, "oracle"), (1645, "radius-old"), (1701, "l2tp"), (1719, "h323gatestat"), (1720, "h323hostcall"),
    (1723, "pptp"), (1812, "radius"), (1813, "radius-acct"), (1883, "mqtt"), (1900, "ssdp"), (1985, "hsrp"),
    (2049, "nfs"), (2055, "netflow"), (2123, "gtp-control"), (2152, "gtp-user"), (2379, "etcd-client"),
    (2380, "etcd-server"), (3128, "squid"), (3260, "iscsi-target"), (3268, "msft-gc"), (3269, "msft-gc-ssl"),
    (3306, "mysql"), (3389, "ms-wbt-server"), (3389, "rdp"), (3478, "stun"), (3784, "bfd-control"),
    (3785, "bfd-echo"), (4222, "nats"), (4369, "epmd"), (4500, "ipsec-nat-t"), (4739, "ipfix"),
    (4784, "bfd-multi-ctl"), (4789, "vxlan"), (5004, "avt-profile-1"), (5060, "sip"), (5061, "sips"),
    (5222, "xmpp-client"), (5269, "xmpp-server"), (5349, "stuns"), (5353, "mdns"), (5355, "llmnr"),
    (5432, "postgresql"), (5671, "amqps"), (5672, "amqp"), (5683, "coap"), (5684, "coaps"), (5900, "rfb"),
    (5900, "vnc"), (5985, "wsman"), (5986, "wsmans"), (6000, "x11"), (6081, "geneve"), (6343, "sflow"),
    (6379, "redis"), (6443, "kubernetes-api"), (6513, "netconf-tls"), (6653, "openflow"), (6667, "ircu"),
    (6881, "bittorrent"), (8080, "http-alt"), (8443, "https-alt"), (8883, "secure-mqtt"), (8883, "mqtts"),
    (9000, "cslistener"), (9042, "cassandra"), (9090, "prometheus"), (9092, "kafka"), (9100, "jetdirect"),
    (9200, "elasticsearch"), (9418, "git"), (10050, "zabbix-agent"), (10051, "zabbix-trapper"),
    (11211, "memcached"), (25565, "minecraft"), (27017, "mongodb"), (47808, "bacnet"), (51820, "wireguard"),
];

/// Returns the port of a service.
pub(super) fn service_port(name: &str) -> Option<i64> {
    SERVICES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(port, _)| *port)
}

/// Returns the names of all services.
pub(super) fn service_names() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|(_, name)| *name)
}

/// Returns the name of the service at a port, as IANA has it.
pub fn service_name(port: u16) -> Option<&'static str> {
    SERVICES.iter().find(|(known, _)| *known == i64::from(port)).map(|(_, name)| *name)
}

/// Returns the code point of a class of traffic.
pub(super) fn dscp_number(name: &str) -> Option<i64> {
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    DSCP.iter().find(|(_, names)| names.iter().any(is)).map(|(number, _)| *number)
}

/// Returns the name of a class of traffic; of one without a name its number.
pub fn dscp_name(number: i64) -> String {
    let known = DSCP.iter().find(|(known, _)| *known == number).and_then(|(_, names)| names.first());
    known.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

/// Returns TCP's control bits as letters, the lowest first; `.` where none is set.
pub fn flag_letters(bits: i64) -> String {
    let letters: String = FLAGS
        .chars()
        .enumerate()
        .filter(|(place, _)| bits >> place & 1 == 1)
        .map(|(_, letter)| letter)
        .collect();
    if letters.is_empty() { ".".to_owned() } else { letters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_each_others() {
        for (name, port) in [("https", 443), ("DNS", 53), ("domain", 53), ("ipfix", 4739), ("sflow", 6343)] {
            assert_eq!(service_port(name), Some(port), "{name}");
        }
        assert_eq!((service_name(53), service_name(1)), (Some("domain"), None));
        for (name, number) in [("EF", 46), ("be", 0), ("af41", 34), ("va", 44), ("cs7", 56)] {
            assert_eq!(dscp_number(name), Some(number), "{name}");
        }
        assert_eq!((dscp_name(46), dscp_name(3)), ("ef".to_owned(), "3".to_owned()));
        for (bits, letters) in [(0, "."), (2, "S"), (0x12, "SA"), (0x1FF, FLAGS)] {
            assert_eq!(flag_letters(bits), letters);
        }
    }

    #[test]
    fn no_name_is_given_twice() {
        let names: std::collections::BTreeSet<_> = SERVICES.iter().map(|(_, name)| name).collect();
        assert_eq!(names.len(), SERVICES.len());
        assert!(SERVICES.is_sorted_by_key(|(port, _)| port));
    }
}
