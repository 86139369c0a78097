//! Datagrams that need nothing of what came before: NetFlow v1, v5 and v7, and sFlow.

use grafolean_time::Timestamp;

use super::{Decoder, stream, wanted};
use crate::{
    decode::{DecodeError, fixed::Export, record::Wanted, sflow},
    ledger::{Numbering, Tally},
    record::{Datagram, Factor, FlowSink, Origin, Protocol, Stream},
};

impl Decoder {
    pub(super) fn take_fixed(
        &mut self,
        protocol: Protocol,
        datagram: &Datagram<'_>,
        sink: &mut impl FlowSink,
    ) -> Result<Result<(), DecodeError>, DecodeError> {
        let export = Export::read(protocol, datagram.payload)?;
        let stream = stream(datagram, protocol, u32::from(export.engine), None);
        let origin = Origin { stream, received: datagram.received, exported: Some(export.exported.at) };
        self.ledger_mut().receive(&stream, datagram.payload.len(), datagram.received);
        let by_hand = self.samplings().set_by_hand(datagram.exporter.ip());
        let mut tally = Tally::default();
        let wanted = wanted(sink);
        for record in export.records() {
            let mut flow = export.flow(record);
            flow.factor = by_hand.or(flow.sampling).unwrap_or_default();
            match wanted {
                Wanted::Flows => sink.flow(&origin, &flow),
                Wanted::WithDetails => sink.detailed(&origin, &flow, &record.details()),
            }
            tally.flows += 1;
            tally.factor = Some(flow.factor);
        }
        tally.records = tally.flows;
        tally.undecodable = tally.flows < u32::from(export.count);
        let numbering = Numbering {
            number: export.sequence,
            uptime_ms: export.exported.uptime_ms,
            announced: u32::from(export.count),
        };
        self.ledger_mut().enter(&stream, numbering, &tally);
        let cut = DecodeError::Truncated { what: "the records of NetFlow", length: datagram.payload.len() };
        Ok(if tally.undecodable { Err(cut) } else { Ok(()) })
    }

    pub(super) fn take_sflow(
        &mut self,
        datagram: &Datagram<'_>,
        sink: &mut impl FlowSink,
    ) -> Result<Result<(), DecodeError>, DecodeError> {
        let packet = sflow::Packet::read(datagram.payload)?;
        let stream = stream(datagram, Protocol::Sflow5, packet.sub_agent, packet.agent);
        self.ledger_mut().receive(&stream, datagram.payload.len(), datagram.received);
        let mut tally = Tally::default();
        let fault = self.take_samples(&packet, &stream, datagram.received, &mut tally, sink);
        tally.undecodable = fault.is_some();
        let numbering =
            Numbering { number: Some(packet.sequence), uptime_ms: Some(packet.uptime_ms), announced: 0 };
        self.ledger_mut().enter(&stream, numbering, &tally);
        Ok(fault.map_or(Ok(()), Err))
    }

    /// Hands the samples of a datagram on. Returns the first that could not be read.
    fn take_samples(
        &mut self,
        packet: &sflow::Packet<'_>,
        stream: &Stream,
        received: Timestamp,
        tally: &mut Tally,
        sink: &mut impl FlowSink,
    ) -> Option<DecodeError> {
        let origin = Origin { stream: *stream, received, exported: None };
        let by_hand = self.set_by_hand(stream);
        let (wanted, mut fault) = (wanted(sink), None);
        for sample in packet.samples(wanted) {
            match sample {
                Ok(sflow::Sample::Flow(sample)) => {
                    tally.records += 1;
                    self.ledger_mut().sample(stream, &sample);
                    let Some(mut flow) = sample.flow else { continue };
                    let factor = by_hand.or(flow.sampling);
                    // an agent that names no rate does not say what its samples stand for
                    tally.unscaled += u32::from(factor.is_none());
                    flow.factor = factor.unwrap_or_default();
                    match wanted {
                        Wanted::Flows => sink.flow(&origin, &flow),
                        Wanted::WithDetails => sink.detailed(&origin, &flow, &sample.details),
                    }
                    tally.flows += 1;
                    tally.factor = Some(flow.factor);
                }
                Ok(sflow::Sample::Counters) => tally.counter_samples += 1,
                Ok(sflow::Sample::Other) => {}
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        fault
    }

    /// Returns what an operator set for a stream's agent, which relays leave as it was, else for its sender.
    fn set_by_hand(&self, stream: &Stream) -> Option<Factor> {
        let samplings = self.samplings();
        let by_agent = stream.agent.and_then(|agent| samplings.set_by_hand(agent));
        by_agent.or_else(|| samplings.set_by_hand(stream.exporter.ip()))
    }
}
