//! The words of the causes, a file for each part of the way.

mod delivery;
mod runs;
mod setup;
mod values;

use super::Link;

/// Why a value is missing, or not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is said by its row: what is wrong, and what to do")]
pub enum Cause {
    NoEntity,
    ProtocolOff,
    NotADevice,
    NoCredential,
    CredentialGone,
    CredentialProtocol,
    NoSensor,
    SensorGone,
    SensorProtocol,
    NoInterval,
    NoBot,
    BotGone,
    ForeignBot,
    BotProtocol,
    OtherBot,
    NoReadRight,
    BotNeverSeen,
    BotSilent,
    TokenRefused,
    OtherBackend,
    BackendAway,
    BackendName,
    BackendTls,
    NotTheApi,
    NotReadYet,
    NoAddress,
    OutputPath,
    Refused,
    RunSkipped,
    RunOverran,
    Overload,
    Dns,
    NoRoute,
    DeviceOff,
    NoAnswer,
    PortFiltered,
    PortClosed,
    SnmpCommunity,
    SnmpUser,
    SnmpAuthKey,
    SnmpPrivKey,
    SnmpLevel,
    SnmpTime,
    SnmpContext,
    OtherSource,
    CertificateFailed,
    LocalFailure,
    RunFailed,
    NotShown,
    IndexGone,
    Renamed,
    NoRows,
    WalkCut,
    Withheld,
    FirstReading,
    DeviceClock,
    NotANumber,
    Counter64,
    Expression,
    DuplicatePath,
    TrapRefused,
    TrapFlood,
    NothingSent,
    OtherPort,
    HostFirewall,
    OtherExporter,
    NotFlows,
    TemplateAwaited,
    TemplateMissing,
    OptionsOnly,
    CountersOnly,
    SamplerUnknown,
    KernelDrops,
    SequenceGaps,
    FlowsDiffer,
    ExporterClock,
    DiskFull,
    QueueFull,
    NoWriteRight,
    PathRefused,
    BackendRefuses,
    BackendFails,
    BackendBusy,
    BotClock,
    RangeTooShort,
    RetentionPassed,
    NotStored,
    Unknown,
}

/// What people are told of a cause.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The cause.
    pub cause: Cause,
    /// The short word under which it is sent and counted.
    pub kind: &'static str,
    /// The step at which it breaks the way.
    pub link: Link,
    /// What is wrong, in a sentence.
    pub sentence: &'static str,
    /// What to do, in a sentence.
    pub remedy: &'static str,
}

const fn row(
    cause: Cause,
    kind: &'static str,
    link: Link,
    sentence: &'static str,
    remedy: &'static str,
) -> Row {
    Row { cause, kind, link, sentence, remedy }
}

/// The last resort, where a cause has no row: the test below finds none.
static UNKNOWN: Row =
    row(Cause::Unknown, "unknown", Link::Stored, "The cause is not known.", "Look at the log of the bot.");

impl Row {
    /// Returns all rows, in the order in which the way is walked.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        setup::ROWS.iter().chain(runs::ROWS).chain(values::ROWS).chain(delivery::ROWS)
    }

    /// Returns the row of a kind.
    pub fn of_kind(kind: &str) -> Option<&'static Self> {
        Self::all().find(|row| row.kind == kind)
    }
}

impl Cause {
    /// Returns what people are told of it.
    pub fn row(self) -> &'static Row {
        Row::all().find(|row| row.cause == self).unwrap_or(&UNKNOWN)
    }
}
