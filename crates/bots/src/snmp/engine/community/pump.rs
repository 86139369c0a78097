//! The task that moves datagrams between the socket and the exchange.
//!
//! A turn reads a batch of replies and lets those go on who waited for them, before it sends what they ask next: under
//! load many requests and replies share a system call and a wakeup, without load nobody waits for a batch to fill.

use std::{
    future::{pending, poll_fn},
    io::ErrorKind,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{io::Interest, net::UdpSocket, task::yield_now, time::sleep};

use super::{
    Line,
    receive::{Left, Receiver},
    send::{Sender, Sent},
};

/// How long the kernel is left alone when it has no room for a message.
const PAUSE: Duration = Duration::from_millis(1);

/// Closes the line when the task ends, however it does.
struct Open(Arc<Line>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

pub(super) async fn pump(line: Arc<Line>, socket: UdpSocket) {
    let open = Open(line);
    let line = &*open.0;
    let (mut receiver, mut sender) = (Receiver::new(), Sender::default());
    let mut deadline = pin!(sleep(Duration::ZERO));
    let mut blocked = Sent::All;
    loop {
        let due = line.exchange().next_due().map(tokio::time::Instant::from_std);
        if let Some(due) = due.filter(|due| *due != deadline.deadline()) {
            deadline.as_mut().reset(due);
        }
        let has_read = tokio::select! {
            biased;
            ready = socket.readable() => {
                // It only fails when the runtime is going down.
                if ready.is_err() {
                    return;
                }
                let read = || match receiver.receive(&socket, line) {
                    Left::Nothing => Err(ErrorKind::WouldBlock.into()),
                    Left::Perhaps => Ok(()),
                };
                // That nothing is left is no error; it is how the runtime is told to look out for more.
                let _ = socket.try_io(Interest::READABLE, read);
                true
            }
            () = poll_fn(|context| line.exchange().poll_outbox(context)), if blocked == Sent::All => false,
            () = &mut deadline, if due.is_some() => false,
            () = room(blocked) => false,
        };
        if has_read {
            yield_now().await;
        }
        line.exchange().expire(Instant::now());
        blocked = sender.send(&socket, line);
    }
}

/// Waits until the kernel may have room again, if it had none.
async fn room(blocked: Sent) {
    match blocked {
        Sent::All => pending().await,
        Sent::NotYet => sleep(PAUSE).await,
    }
}
