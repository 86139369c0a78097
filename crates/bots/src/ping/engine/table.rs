//! All probes under way, and for a while those that ended: where an answer is matched to its request. Pure.

use std::{
    collections::{BTreeSet, VecDeque},
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    time::{Duration, Instant},
};

use super::pending_probe::{PendingProbe, Request};
use crate::ping::codec::{Echo, EchoRequest, Family, Quoted, Tag};

/// The most probes at a time: as many as there are identifiers, since a raw socket's identifier names the slot. Who
/// comes when all are taken waits for one to end.
pub(super) const MOST_PROBES: usize = 1 << 16;

/// How long an ended probe is remembered, to tell late answers and duplicates from foreign ones. Longer than nearly
/// any network delay; in these seconds the pace lets through 200,000 packets, about 20 MB.
const LINGER: Duration = Duration::from_secs(10);

/// How many probes to one address are looked at when a router quotes so little that only the address and the
/// sequence number tell which is meant. Beyond it the error is nobody's, and the packet ends as a time-out.
const MOST_CANDIDATES: usize = 16;

pub(super) struct Table {
    slots: Vec<Slot>,
    /// Slots that are free to be used again, the longest unused first.
    ended: VecDeque<(u16, Instant)>,
    /// Whose probes were forgotten, from `ended`'s front.
    forgotten: usize,
    by_address: BTreeSet<(IpAddr, u16)>,
    /// The keys of cookies: SipHash under keys that no one outside this process has seen.
    keys: RandomState,
    salt: u16,
}

struct Slot {
    generation: u32,
    pending: Option<PendingProbe>,
}

/// One request of one probe, as all of the engine names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RequestId {
    pub(super) slot: u16,
    pub(super) generation: u32,
    pub(super) request: Request,
}

impl Table {
    pub(super) fn new() -> Self {
        let keys = RandomState::new();
        let salt = keys.hash_one("salt").to_le_bytes();
        Self {
            slots: Vec::new(),
            ended: VecDeque::new(),
            forgotten: 0,
            by_address: BTreeSet::new(),
            salt: salt.first_chunk().map_or(0, |low| u16::from_le_bytes(*low)),
            keys,
        }
    }

    /// Returns a probe a slot. None if every slot is taken, which the places held by callers rule out.
    pub(super) fn insert(&mut self, pending: PendingProbe, now: Instant) -> Option<(u16, u32)> {
        let rested = self.ended.front().is_some_and(|(_, ended)| now.duration_since(*ended) >= LINGER);
        let address = pending.probe.address;
        let slot = if !rested && self.slots.len() < MOST_PROBES {
            self.slots.push(Slot { generation: 0, pending: None });
            u16::try_from(self.slots.len() - 1).ok()?
        } else {
            self.forgotten = self.forgotten.saturating_sub(1);
            self.ended.pop_front()?.0
        };
        let place = self.slots.get_mut(usize::from(slot))?;
        place.generation = place.generation.wrapping_add(1);
        place.pending = Some(pending);
        self.by_address.insert((address, slot));
        Some((slot, place.generation))
    }

    /// The probe of a id_of_request while it is under way.
    pub(super) fn under_way(&mut self, slot: u16, generation: u32) -> Option<&mut PendingProbe> {
        let place = self.slots.get_mut(usize::from(slot)).filter(|place| place.generation == generation)?;
        place.pending.as_mut().filter(|pending| pending.is_under_way())
    }

    /// Ends a probe; its slot is used again last.
    pub(super) fn end(&mut self, slot: u16, now: Instant) {
        let Some(pending) = self.slots.get_mut(usize::from(slot)).and_then(|place| place.pending.as_mut())
        else {
            return;
        };
        pending.finish();
        self.by_address.remove(&(pending.probe.address, slot));
        self.ended.push_back((slot, now));
    }

    /// Forgets what ended long ago.
    pub(super) fn forget(&mut self, now: Instant) {
        while let Some((slot, ended)) = self.ended.get(self.forgotten)
            && now.duration_since(*ended) >= LINGER
        {
            if let Some(place) = self.slots.get_mut(usize::from(*slot)) {
                place.pending = None;
            }
            self.forgotten += 1;
        }
    }

    /// The message by which a request goes out.
    pub(super) fn message(&self, id_of_request: RequestId) -> Option<EchoRequest> {
        let pending = self.slots.get(usize::from(id_of_request.slot))?.pending.as_ref()?;
        let sequence = pending.sequence(id_of_request.request);
        let slot = u32::from(id_of_request.slot);
        let cookie = self.cookie(slot, id_of_request.generation, sequence);
        Some(EchoRequest {
            family: Family::of(&pending.probe.address),
            id: self.id(id_of_request.slot),
            sequence,
            tag: Tag { slot, generation: id_of_request.generation, cookie },
            payload: pending.probe.payload_bytes,
        })
    }

    /// The request that a reply is to: right source, identifier, sequence and payload, or nothing. `id` is none on
    /// a datagram socket, whose kernel keeps to its own.
    pub(super) fn answered(
        &mut self,
        from: IpAddr,
        id: Option<u16>,
        echo: Echo<'_>,
    ) -> Option<(RequestId, &mut PendingProbe)> {
        let tag = Tag::read(echo.payload)?;
        let slot = u16::try_from(tag.slot).ok()?;
        let proven = self.cookie(tag.slot, tag.generation, echo.sequence) == tag.cookie;
        if !proven || id.is_some_and(|id| id != self.id(slot)) {
            return None;
        }
        let place =
            self.slots.get_mut(usize::from(slot)).filter(|place| place.generation == tag.generation)?;
        let pending = place.pending.as_mut().filter(|pending| {
            pending.probe.address == from
                && Tag::is_followed_by_filler(echo.payload, pending.probe.payload_bytes)
        })?;
        let request = pending.request(echo.sequence)?;
        Some((RequestId { slot, generation: tag.generation, request }, pending))
    }

    /// The request that an error quotes, as far as the quote goes: by its tag, else by its identifier (raw sockets),
    /// else by its destination and sequence number.
    pub(super) fn quoted(&mut self, quoted: Quoted<'_>, by_id: bool) -> Option<(Request, &mut PendingProbe)> {
        let sequence = quoted.request.sequence;
        let tag = Tag::read(quoted.request.payload);
        let slot = match tag {
            Some(tag) => {
                let proven = self.cookie(tag.slot, tag.generation, sequence) == tag.cookie;
                u16::try_from(tag.slot).ok().filter(|_| proven)?
            }
            None if by_id => quoted.request.id ^ self.salt,
            None => self.candidate(quoted.destination, sequence)?,
        };
        let place = self.slots.get_mut(usize::from(slot))?;
        if tag.is_some_and(|tag| tag.generation != place.generation) {
            return None;
        }
        let pending = place.pending.as_mut()?;
        let request = pending.request(sequence).filter(|_| pending.probe.address == quoted.destination)?;
        Some((request, pending))
    }

    fn candidate(&self, destination: IpAddr, sequence: u16) -> Option<u16> {
        let to_it = self.by_address.range((destination, 0)..=(destination, u16::MAX));
        to_it.map(|(_, slot)| *slot).take(MOST_CANDIDATES).find(|slot| {
            let pending = self.slots.get(usize::from(*slot)).and_then(|place| place.pending.as_ref());
            pending.is_some_and(|pending| pending.request(sequence).is_some())
        })
    }

    fn cookie(&self, slot: u32, generation: u32, sequence: u16) -> u64 {
        self.keys.hash_one((slot, generation, sequence))
    }

    const fn id(&self, slot: u16) -> u16 {
        slot ^ self.salt
    }
}
