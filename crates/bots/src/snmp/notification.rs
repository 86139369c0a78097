//! A notification as it comes.
//!
//! ```text
//! SEQUENCE | version | community | PDU                                               RFC 1157, section 4; RFC 1901
//!        Trap-PDU of v1: enterprise | agent-addr | generic | specific | time-stamp | varbinds   RFC 1157, section 4.1.6
//!   SNMPv2-Trap, Inform: request-id | 0 | 0 | sysUpTime.0, snmpTrapOID.0, varbinds          RFC 3416, section 4.2.6
//! ```

use std::net::Ipv4Addr;

use thiserror::Error;

use crate::snmp::{
    Oid, Value, Varbind,
    codec::{self, Malformed, NotificationPdu, Version},
};

/// snmpTraps, below which the generic traps of v1 have their names (RFC 3418).
const GENERIC: [u32; 9] = [1, 3, 6, 1, 6, 3, 1, 1, 5];

/// sysUpTime.0 and snmpTrapOID.0, with which each notification of v2 begins.
const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];
const TRAP_OID: [u32; 11] = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

/// The generic trap of v1 that means: see the enterprise's own number.
const ENTERPRISE_SPECIFIC: i32 = 6;

/// Something that an agent told by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// The version.
    pub version: Version,
    /// Whether it is to be acknowledged.
    pub kind: Kind,
    /// What it is: snmpTrapOID.
    pub trap: Oid,
    /// sysUpTime, in hundredths of a second.
    pub uptime: u32,
    /// By which address the agent knows itself, where v1 tells it and it is one.
    pub agent: Option<Ipv4Addr>,
    /// What it tells, without the two objects that every notification begins with.
    pub varbinds: Vec<Varbind>,
}

/// Whether a notification is to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is not.
    Trap,
    /// It is, by its number.
    Inform(i32),
}

/// Why a datagram is no notification that counts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TrapError {
    /// It is no message of SNMP, or one of another kind.
    #[error("it is no notification: {0}")]
    Malformed(#[from] Malformed),
    /// It does not say what it is.
    #[error("it has no snmpTrapOID")]
    Nameless,
}

/// Reads a notification of v1 or v2c; returns its community too.
///
/// # Errors
/// What is wrong with it.
pub fn decode(datagram: &[u8]) -> Result<(Notification, &[u8]), TrapError> {
    let message = codec::NotificationMessage::decode(datagram)?;
    Ok((of_pdu(message.version, &message.pdu)?, message.community))
}

/// Returns the notification of a PDU.
pub(crate) fn of_pdu(version: Version, pdu: &NotificationPdu<'_>) -> Result<Notification, TrapError> {
    match pdu {
        NotificationPdu::V1 { enterprise, agent, generic, specific, uptime, varbinds } => {
            let trap = match generic {
                0..ENTERPRISE_SPECIFIC => {
                    [&GENERIC[..], &[u32::try_from(generic + 1).unwrap_or_default()]].concat()
                }
                _ => [enterprise.arcs(), &[0, specific.unsigned_abs()]].concat(),
            };
            Ok(Notification {
                version,
                kind: Kind::Trap,
                trap: Oid::new(trap).map_err(|_| TrapError::Nameless)?,
                uptime: *uptime,
                agent: agent.filter(|agent| !agent.is_unspecified()),
                varbinds: varbinds.to_varbinds()?,
            })
        }
        NotificationPdu::V2 { request_id, is_inform, varbinds } => {
            let mut all = varbinds.to_varbinds()?;
            let mut uptime = 0;
            let mut trap = None;
            all.retain(|varbind| match (varbind.oid.arcs(), &varbind.value) {
                (arcs, Ok(Value::TimeTicks(ticks))) if arcs == UPTIME => {
                    uptime = *ticks;
                    false
                }
                (arcs, Ok(Value::Oid(oid))) if arcs == TRAP_OID && trap.is_none() => {
                    trap = Some(oid.clone());
                    false
                }
                _ => true,
            });
            Ok(Notification {
                version,
                kind: if *is_inform { Kind::Inform(*request_id) } else { Kind::Trap },
                trap: trap.ok_or(TrapError::Nameless)?,
                uptime,
                agent: None,
                varbinds: all,
            })
        }
    }
}

impl Notification {
    /// Whether it concerns what is polled: a link that changed its state, or an agent that began anew.
    pub fn concerns_polling(&self) -> bool {
        // coldStart, warmStart, linkDown, linkUp
        matches!(self.trap.arcs(), [1, 3, 6, 1, 6, 3, 1, 1, 5, 1..=4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written down by hand after RFC 1157: public, enterprise 1.3.6.1.4.1.8072, from 192.0.2.9, linkDown, ifIndex.3 = 3.
    const V1: &[u8] = &[
        0x30, 0x37, 2, 1, 0, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa4, 0x2a, 6, 7, 0x2b, 6, 1, 4, 1,
        0xbf, 0x08, 0x40, 4, 192, 0, 2, 9, 2, 1, 2, 2, 1, 0, 0x43, 1, 100, 0x30, 0x10, 0x30, 0x0e, 6, 9,
        0x2b, 6, 1, 2, 1, 2, 2, 1, 1, 2, 1, 3,
    ];

    #[test]
    fn a_trap_of_v1_is_read_as_one_of_v2() {
        let (trap, community) = decode(V1).unwrap();
        assert_eq!(community, b"public");
        assert_eq!((trap.version, trap.kind, trap.uptime), (Version::V1, Kind::Trap, 100));
        assert_eq!(trap.trap.to_string(), "1.3.6.1.6.3.1.1.5.3", "linkDown");
        assert_eq!(trap.agent, Some(Ipv4Addr::new(192, 0, 2, 9)));
        assert_eq!(trap.varbinds[0].value, Ok(Value::Integer(3)));
        assert!(trap.concerns_polling());
        let mut own = V1.to_vec();
        let generic = own.windows(3).position(|window| window == [2, 1, 2]).unwrap();
        (own[generic + 2], own[generic + 5]) = (6, 17);
        assert_eq!(decode(&own).unwrap().0.trap.to_string(), "1.3.6.1.4.1.8072.0.17");
    }

    #[test]
    fn a_notification_cut_anywhere_is_refused() {
        for length in 0..V1.len() {
            assert!(decode(&V1[..length]).is_err(), "{length} octets");
        }
        assert!(matches!(decode(b"GET / HTTP/1.1"), Err(TrapError::Malformed(_))));
    }
}
