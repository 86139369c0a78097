//! Why a device gives nothing over SNMP, and what to do about it.

use super::AskError;

/// What to do about an agent that answers an older version alone.
pub const OLDER_VERSION: &str =
    "it answers SNMPv1, but not SNMPv2c: set version 1 (-v 1, or snmpv1 in the credential)";

/// What to do about an agent that knows who asks, but shows nothing.
pub const NO_VIEW: &str = "it shows nothing of what was asked for: look at the agent's view of who asks";

/// What to do about an agent that denies what was asked for.
pub const DENIED: &str = "who asks is known, but may not read this: look at the security level (-l) and at the agent's \
                          view of this user or community";

/// Returns what to do about it; nothing where the reason says it itself.
pub const fn remedy(why: &AskError) -> Option<&'static str> {
    Some(match why {
        AskError::Timeout => {
            "the host is gone, a filter drops the packets, or the agent does not like who asks: in v1 and v2c a wrong \
             community is met by silence"
        }
        AskError::Community => "look at the community and at the agent's list of who may ask",
        AskError::PortClosed => "the host is there: is an agent running, and on this port?",
        AskError::HostThere => {
            "let the firewall of the host, or on the way, pass the port; an agent without SNMPv3 may also ignore a wrong \
             community"
        }
        AskError::HostDown => "is the device switched on, and is its address right?",
        AskError::UnknownUser => "look at the user's name",
        AskError::WrongDigest => "look at the authentication password, then at the protocol",
        AskError::Decryption => {
            "the user and its authentication are right: look at the privacy password, then at the protocol"
        }
        AskError::UnsupportedLevel => {
            "the agent has this user at another level: noAuthNoPriv, authNoPriv or authPriv"
        }
        AskError::OtherSource(_) => {
            "a device with several addresses may answer so, or something in between: ask that address, or let such an \
             answer count (--any-source, or snmp_any_source in the credential)"
        }
        AskError::UnknownContext => "look at the context's name (-n), which is mostly empty",
        AskError::NotInTimeWindow => "the agent's boots or time are not what it said: was it set back?",
        _ => return None,
    })
}

/// Whether a failure may mean that the agent does not speak the version.
pub const fn may_be_silence(why: &AskError) -> bool {
    matches!(why, AskError::Timeout | AskError::HostThere | AskError::Community)
}
