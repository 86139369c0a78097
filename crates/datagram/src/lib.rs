//! Datagram sockets, as ICMP, SNMP and NetFlow all need them.
//!
//! A [`Reader`] reads many datagrams by one system call, each with its [sender and what the kernel says of it](Received).
//! [`set_receive_buffer`], [`count_drops`] and [`stamp_arrivals`] prepare a socket for it. A [`TimerQueue`] holds what is due
//! when: time-outs of requests, pauses between packets.

#[cfg(not(unix))]
compile_error!("grafolean-datagram needs Unix: batched system calls, ancillary data");

mod read;
mod socket;
mod timer_queue;

pub use read::{Ancillary, BATCH_MAX, Batch, DropCounter, Reader, Received, Wait};
pub use socket::{count_drops, set_receive_buffer, stamp_arrivals};
pub use timer_queue::TimerQueue;
