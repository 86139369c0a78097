//! Capabilities of Linux: kept aside, in effect only while a socket is opened, and then gone.

use rustix::{
    process::geteuid,
    thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities},
};
use tracing::warn;

use super::Held;

/// What opening a socket may take: raw ICMP, a port below 1024, a large receive buffer.
const FOR_SOCKETS: CapabilitySet =
    CapabilitySet::NET_RAW.union(CapabilitySet::NET_BIND_SERVICE).union(CapabilitySet::NET_ADMIN);

/// What root is without: in a container it often works on folders of another user.
const OF_ROOT: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::FOWNER);

fn kept() -> CapabilitySet {
    if geteuid().is_root() { OF_ROOT } else { CapabilitySet::empty() }
}

/// Leaves nothing in effect on this thread and those that it starts; what sockets may take stays aside.
pub(super) fn lower() -> Held {
    let lowered = capabilities(None).and_then(|sets| {
        let permitted = sets.permitted & (FOR_SOCKETS | kept());
        let lowered =
            CapabilitySets { effective: permitted & kept(), permitted, inheritable: CapabilitySet::empty() };
        set_capabilities(None, lowered)
    });
    told(lowered)
}

/// Drops what was kept aside. It holds for this thread; on others seccomp keeps it from coming into effect.
pub(super) fn drop_for_good() {
    told(capabilities(None).and_then(|sets| {
        let permitted = sets.permitted & kept();
        set_capabilities(None, CapabilitySets { effective: permitted, permitted, ..sets })
    }));
}

fn told(outcome: rustix::io::Result<()>) -> Held {
    match outcome {
        Ok(()) => Held::Fully,
        Err(error) => {
            warn!(%error, "the capabilities of this process could not be lowered");
            Held::Not
        }
    }
}

/// Runs what opens a socket with all capabilities that this thread may have.
pub fn privileged<T>(open: impl FnOnce() -> T) -> T {
    let Ok(before) = capabilities(None) else { return open() };
    if before.effective == before.permitted {
        return open();
    }
    let raised = CapabilitySets { effective: before.permitted, ..before };
    if set_capabilities(None, raised).is_err() {
        return open();
    }
    let opened = open();
    told(set_capabilities(None, before));
    opened
}
