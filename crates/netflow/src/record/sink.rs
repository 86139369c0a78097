//! Where decoded flows go.

use super::{Flow, FlowDetails, Origin};

/// Receives flows as they are decoded, one call a flow, on the decoding thread.
pub trait FlowSink {
    /// Receives one flow of a datagram for which no details are wanted.
    fn flow(&mut self, origin: &Origin, flow: &Flow);

    /// Whether the details of flows are to be decoded too; asked once a datagram. They cost about as much as the flow.
    fn wants_details(&self) -> bool {
        false
    }

    /// Receives one flow of a datagram for which [details are wanted](Self::wants_details).
    fn detailed(&mut self, origin: &Origin, flow: &Flow, _details: &FlowDetails<'_>) {
        self.flow(origin, flow);
    }
}

impl<F: FnMut(&Origin, &Flow)> FlowSink for F {
    fn flow(&mut self, origin: &Origin, flow: &Flow) {
        self(origin, flow);
    }
}
