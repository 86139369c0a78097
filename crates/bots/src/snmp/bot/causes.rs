//! What keeps a value from being there, in the words that all bots share.

use grafolean_collector::cause::Cause;

use super::results::MissingReason;
use crate::snmp::{AskError, Exception, Status, counter::NoRate, plan::Missing};

impl AskError {
    /// Returns the cause, as people are told it.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Timeout | Self::Report(_) | Self::Malformed(_) => Cause::NoAnswer,
            Self::Community => Cause::SnmpCommunity,
            Self::OtherSource(_) => Cause::OtherSource,
            Self::PortClosed => Cause::PortClosed,
            Self::HostThere => Cause::PortFiltered,
            Self::HostDown => Cause::DeviceOff,
            Self::NoRoute(_) => Cause::NoRoute,
            Self::Unresolved { .. } => Cause::Dns,
            Self::UnknownUser => Cause::SnmpUser,
            Self::WrongDigest => Cause::SnmpAuthKey,
            Self::Decryption => Cause::SnmpPrivKey,
            Self::NotInTimeWindow | Self::UnknownEngine => Cause::SnmpTime,
            Self::UnsupportedLevel => Cause::SnmpLevel,
            Self::UnknownContext => Cause::SnmpContext,
            Self::Status {
                status: Status::Authorization | Status::NoAccess | Status::NoSuchName, ..
            } => Cause::NotShown,
            Self::Status { .. } => Cause::RunFailed,
            Self::Local(_) => Cause::LocalFailure,
        }
    }
}

impl MissingReason {
    /// Returns the cause, as people are told it.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Missing(Missing::Exception(Exception::NoSuchInstance)) | Self::NoRow(_) => Cause::IndexGone,
            Self::Missing(Missing::Failed(error)) => error.cause(),
            Self::Missing(Missing::Exception(_) | Missing::LeftOut | Missing::Unanswered) => Cause::NotShown,
            Self::Missing(
                Missing::NotIncreasing
                | Missing::TooManyRows(_)
                | Missing::TooManyBytes(_)
                | Missing::OutOfTime,
            ) => Cause::WalkCut,
            Self::NoNumber(_) => Cause::NotANumber,
            Self::Unreadable(_) => Cause::Withheld,
            Self::Counter64 => Cause::Counter64,
            Self::NoRows => Cause::NoRows,
            Self::NoRate(NoRate::Unsure) => Cause::DeviceClock,
            Self::NoRate(NoRate::First | NoRate::Restarted) => Cause::FirstReading,
            Self::NoRate(NoRate::Renamed) => Cause::Renamed,
            Self::NoRate(_) => Cause::Withheld,
            Self::NotFinite(_) => Cause::Expression,
        }
    }
}
