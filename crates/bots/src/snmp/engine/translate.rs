//! Our types of the library's types, and the other way round.

use async_snmp::{Error, v3::ReportStatus};

use crate::snmp::{AskError, Exception, Oid, Status, Value, Varbind};

pub(super) fn oid_to_library(oid: &Oid) -> async_snmp::Oid {
    async_snmp::Oid::from_slice(oid.arcs())
}

/// Takes an object as it came. One whose name no agent can have makes no sense, and neither does the answer it is in.
pub(super) fn varbind(varbind: async_snmp::VarBind) -> Result<Varbind, AskError> {
    let oid = oid(&varbind.oid)
        .ok_or_else(|| AskError::Malformed(format!("{} is no object identifier", varbind.oid)))?;
    Ok(Varbind { oid, value: value(varbind.value) })
}

fn oid(oid: &async_snmp::Oid) -> Option<Oid> {
    Oid::new(oid.arcs()).ok()
}

fn value(value: async_snmp::Value) -> Result<Value, Exception> {
    use async_snmp::Value as From;
    Ok(match value {
        From::Integer(number) => Value::Integer(number),
        From::OctetString(octets) | From::Nsap(octets) => Value::Octets((&*octets).into()),
        From::ObjectIdentifier(named) => oid(&named).map_or(Value::Unknown, Value::Oid),
        From::IpAddress(address) => Value::Address(address),
        From::Counter32(number) => Value::Counter32(number),
        From::Gauge32(number) | From::UInteger32(number) => Value::Gauge32(number),
        From::TimeTicks(number) => Value::TimeTicks(number),
        From::Opaque(octets) => Value::Opaque((&*octets).into()),
        From::Counter64(number) => Value::Counter64(number),
        From::NoSuchObject => return Err(Exception::NoSuchObject),
        From::NoSuchInstance => return Err(Exception::NoSuchInstance),
        From::EndOfMibView => return Err(Exception::EndOfMibView),
        _ => Value::Unknown,
    })
}

pub(super) fn error(error: &Error) -> AskError {
    match error.exchange_source() {
        Error::Timeout { .. } => AskError::Timeout,
        Error::Snmp { status, index, .. } => AskError::Status {
            status: Status::from_number(status.as_i32()),
            index: usize::try_from(*index).unwrap_or(0),
        },
        Error::Report { status, .. } => report(status),
        Error::Auth { .. } => AskError::NotInTimeWindow,
        error @ (Error::Decode(_) | Error::MalformedResponse { .. } | Error::ResponseShape { .. }) => {
            AskError::Malformed(error.kind().to_string())
        }
        Error::Network { source, .. } if source.kind() == std::io::ErrorKind::ConnectionRefused => {
            AskError::PortClosed
        }
        // A request that is too big for the agent's own word on what it takes.
        Error::OutboundMessageTooLarge { .. } => AskError::Status { status: Status::TooBig, index: 0 },
        error => AskError::Local(error.to_string()),
    }
}

pub(super) fn report(status: &ReportStatus) -> AskError {
    match status {
        ReportStatus::UnsupportedSecurityLevel { .. } => AskError::UnsupportedLevel,
        ReportStatus::NotInTimeWindow { .. } => AskError::NotInTimeWindow,
        ReportStatus::UnknownUserName { .. } => AskError::UnknownUser,
        ReportStatus::UnknownEngineId { .. } => AskError::UnknownEngine,
        ReportStatus::WrongDigest { .. } => AskError::WrongDigest,
        ReportStatus::DecryptionError { .. } => AskError::Decryption,
        other => AskError::Malformed(other.to_string()),
    }
}
