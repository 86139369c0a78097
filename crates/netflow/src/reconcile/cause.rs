//! Why flows and counters differ, in words.

/// Flows by counters from which the two are not of the same traffic: no sampling and no double counting is that far off.
pub(super) const ELSEWHERE: f64 = 20.0;

/// Which way traffic flowed at an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flowing {
    /// Into the device.
    In,
    /// Out of it.
    Out,
    /// Both, where flows do not tell.
    Either,
}

/// Why what an exporter tells is not what passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// No flow came that could be decoded, though the interfaces carried traffic.
    NothingDecoded {
        /// Data sets that wait for their template, or waited in vain.
        waiting: u64,
    },
    /// Flows do not tell their interfaces.
    InterfacesUntold,
    /// Flows name an interface that the device does not have.
    Renumbered {
        /// Its index.
        index: u32,
    },
    /// An interface carried traffic of which no flow tells.
    NotExported {
        /// Which way it flowed.
        flowing: Flowing,
    },
    /// How a part of the flows is sampled is not known.
    SamplingUnknown {
        /// Packets of which one seems to be sampled, where counters say it.
        fits: Option<u32>,
    },
    /// The sampling is another one than is told.
    SamplingWrong {
        /// What is told or set.
        told: f64,
        /// The plausible one that counters say.
        fits: u32,
    },
    /// A half of everything, a third or a quarter is told: sampled without saying so, or the rest goes elsewhere.
    ToldInPart {
        /// The share that is told.
        told: f64,
        /// Packets of which one is sampled, if that is it.
        fits: u32,
    },
    /// Counts are told scaled already, and scaled once more.
    ScaledTwice {
        /// What is told or set.
        told: f64,
    },
    /// Ingress and egress of the same packets are told, without saying which is which.
    CountedTwice,
    /// Long flows are reported after the interval in which they passed.
    Spread {
        /// How long the longest lasted, in seconds.
        longest: u64,
    },
    /// Octets of a flow are counted in 32 bits and wrapped.
    FlowsWrapped,
    /// The interface's counters have 32 bits and wrapped more than once between two readings.
    CountersWrapped,
    /// Flows and counters differ by the frame around each packet: one has it, the other should.
    Framing {
        /// Octets around each packet that make both the same.
        octets: i64,
    },
    /// What was sent did not arrive.
    LostOnTheWay {
        /// The share that arrived.
        arrived: f64,
    },
    /// The sFlow agent dropped samples.
    DroppedByAgent {
        /// The share that it sent.
        sent: f64,
    },
    /// The exporter loses flows before it sends them.
    LostInside {
        /// The share that it tells.
        told: f64,
    },
    /// None of the known ones.
    Unknown {
        /// Flows by counters.
        ratio: f64,
    },
}

impl Cause {
    /// Returns a short word from a small fixed set.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NothingDecoded { .. } => "nothing-decoded",
            Self::InterfacesUntold => "interfaces-untold",
            Self::Renumbered { .. } => "renumbered",
            Self::NotExported { .. } => "not-exported",
            Self::SamplingUnknown { .. } => "sampling-unknown",
            Self::SamplingWrong { .. } => "sampling-wrong",
            Self::ToldInPart { .. } => "told-in-part",
            Self::ScaledTwice { .. } => "scaled-twice",
            Self::CountedTwice => "counted-twice",
            Self::Spread { .. } => "spread",
            Self::FlowsWrapped => "flows-wrapped",
            Self::CountersWrapped => "counters-wrapped",
            Self::Framing { .. } => "framing",
            Self::LostOnTheWay { .. } => "lost-on-the-way",
            Self::DroppedByAgent { .. } => "dropped-by-agent",
            Self::LostInside { .. } => "lost-inside",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Says what is wrong, in a sentence without a full stop.
    pub fn sentence(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        match *self {
            Self::NothingDecoded { waiting: 0 } => "its interfaces carry traffic and no flow came".to_owned(),
            Self::NothingDecoded { waiting } => {
                format!(
                    "its interfaces carry traffic and no flow could be decoded: {waiting} data sets lack their template"
                )
            }
            Self::InterfacesUntold => "its flows do not tell the interfaces by which they passed".to_owned(),
            Self::Renumbered { index } => {
                format!(
                    "its flows name interface {index}, which the device does not have: interfaces were renumbered"
                )
            }
            Self::NotExported { flowing } => {
                let flowing = match flowing {
                    Flowing::In => "what comes in is",
                    Flowing::Out => "what goes out is",
                    Flowing::Either => "traffic is",
                };
                format!("{flowing} counted by the interface, and no flow tells of it")
            }
            Self::SamplingUnknown { fits: None } => {
                "how a part of its flows is sampled is not known: they count as they were exported".to_owned()
            }
            Self::SamplingUnknown { fits: Some(fits) } => {
                format!("how its flows are sampled is not known: by the counters one packet of {fits} is")
            }
            Self::SamplingWrong { told, fits } if told <= 1.0 => {
                format!("its flows tell no sampling, and by the counters one packet of {fits} is sampled")
            }
            Self::SamplingWrong { told, fits } => format!(
                "its flows are scaled by {told:.0}, and by the counters one packet of {fits} is sampled"
            ),
            Self::ToldInPart { told, fits } => format!(
                "it tells {} of what its interfaces carry, the same at all of them, and nothing is missing in its numbers: one \
                 packet of {fits} is sampled and it does not say so, or other flows go to another collector",
                percent(told)
            ),
            Self::ScaledTwice { told } => format!(
                "its flows tell a sampling of one in {told:.0}, and their counts are scaled by it already"
            ),
            Self::CountedTwice => {
                "the same packets are told as they come in and as they go out, without a direction".to_owned()
            }
            Self::Spread { longest } => format!(
                "flows are reported up to {longest} s after they began: what passes in a minute is told in a later one"
            ),
            Self::FlowsWrapped => {
                "octets of a flow are counted in 32 bits: a flow of more than 4 GiB loses them".to_owned()
            }
            Self::CountersWrapped => {
                "the interface's counters have 32 bits and wrap between two readings".to_owned()
            }
            Self::Framing { octets } if octets < 10 => {
                "flows and interface count the same octets: the frame's header is in both or in none"
                    .to_owned()
            }
            Self::Framing { octets } => format!(
                "each packet is {octets} octets larger at the interface than in its flow: it is encapsulated, or sampled \
                 without its header"
            ),
            Self::LostOnTheWay { arrived } => {
                format!("only {} of what it sent arrived, by its own numbers", percent(arrived))
            }
            Self::DroppedByAgent { sent } => {
                format!("the agent dropped samples: {} were sent, by its own count", percent(sent))
            }
            Self::LostInside { told } => format!(
                "it tells only {} of what its interfaces carry, and nothing is missing in its numbers: it loses flows before \
                 it sends them",
                percent(told)
            ),
            Self::Unknown { ratio } if ratio > ELSEWHERE => {
                "flows tell of traffic where the interface counted next to none: they are of another device, or number \
                 interfaces otherwise"
                    .to_owned()
            }
            Self::Unknown { ratio } => {
                format!("flows are {} of what the interface counted, for no known reason", percent(ratio))
            }
        }
    }

    /// Says what to change, in a sentence without a full stop.
    pub fn advice(&self) -> String {
        match *self {
            Self::NothingDecoded { waiting: 0 } => {
                "check that flow monitoring is on at its interfaces and that the exporter's address is the entity's"
            }
            Self::NothingDecoded { .. } => "have the exporter send its templates every minute or so",
            Self::InterfacesUntold => {
                "export the interfaces of arrival and departure (elements 10 and 14; of softflowd by -i INDEX:NAME)"
            }
            Self::Renumbered { .. } => {
                "keep indexes over restarts (`snmp-server ifindex persist`), and restart the exporting process"
            }
            Self::NotExported { flowing: Flowing::Out } => {
                "monitor output at this interface too, or input at all other interfaces"
            }
            Self::NotExported { .. } => "monitor input at this interface",
            Self::SamplingUnknown { fits: None } => {
                "have the exporter send its sampler table as options data, or set netflow_sampling of the entity"
            }
            Self::SamplingUnknown { fits: Some(fits) } | Self::SamplingWrong { fits, .. } => {
                return format!("set netflow_sampling of the entity to {fits}, or have the exporter tell it");
            }
            Self::ToldInPart { fits, .. } => {
                return format!(
                    "look in its configuration for a sampler, then set netflow_sampling of the entity to {fits}; and for \
                     further collectors among which it shares its flows"
                );
            }
            Self::ScaledTwice { .. } => "set netflow_sampling of the entity to off",
            Self::CountedTwice => {
                "export the direction (element 61), or monitor one direction only, the same at all interfaces"
            }
            Self::Spread { .. } => "set the active timeout of the exporter to 60 s or less",
            Self::FlowsWrapped => {
                "count octets in 64 bits (Flexible NetFlow `counter bytes long`, IPFIX), or lower the active timeout"
            }
            Self::CountersWrapped => "have the agent tell ifHCInOctets and ifHCOutOctets: SNMPv2c or v3",
            Self::Framing { .. } => {
                "export octets of IP packets (element 1), or take the difference for what it is: totals are of another layer"
            }
            Self::LostOnTheWay { .. } => {
                "look for drops between exporter and collector, and raise net.core.rmem_max where the kernel drops"
            }
            Self::DroppedByAgent { .. } => "sample fewer packets",
            Self::LostInside { .. } => {
                "enlarge the exporter's flow cache, or sample: more flows come than it can keep"
            }
            Self::Unknown { ratio } if ratio > ELSEWHERE => {
                "check that exporter and SNMP agent are one device, and that both number its interfaces alike"
            }
            Self::Unknown { .. } => {
                "compare what `grafolean flow exporters ADDRESS` tells with the exporter's configuration"
            }
        }
        .to_owned()
    }
}
