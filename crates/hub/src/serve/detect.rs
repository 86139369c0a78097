//! Which HTTP a client speaks. It is waited for its first bytes only so long, and nothing of them is taken out.

use std::{io, time::Duration};

use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

/// With these bytes a client of HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a client may take until its first bytes tell what it speaks.
const FIRST_BYTES: Duration = Duration::from_secs(10);

/// Between two looks at bytes of which more have to come.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Waits for the first bytes; `None` if they do not come in time, or none come.
pub(super) async fn protocol(stream: &TcpStream) -> Option<Protocol> {
    timeout(FIRST_BYTES, look(stream)).await.ok()?.ok()?
}

/// Waits for the first byte.
pub(super) async fn first_byte(stream: &TcpStream) -> Option<u8> {
    let mut byte = [0];
    let length = timeout(FIRST_BYTES, stream.peek(&mut byte)).await.ok()?.ok()?;
    byte.first().copied().filter(|_| length > 0)
}

async fn look(stream: &TcpStream) -> io::Result<Option<Protocol>> {
    let mut bytes = [0; PREFACE.len()];
    let mut seen = 0;
    loop {
        let length = stream.peek(&mut bytes).await?;
        if length == 0 {
            return Ok(None);
        }
        let begun = bytes.get(..length).unwrap_or_default();
        if !PREFACE.starts_with(begun) {
            return Ok(Some(Protocol::Http1));
        }
        if length == PREFACE.len() {
            return Ok(Some(Protocol::Http2));
        }
        // What is there already makes it readable at once, so only time can tell.
        if length == seen {
            sleep(LOOK_AGAIN).await;
        }
        seen = length;
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    async fn detected(parts: &[&[u8]]) -> Option<Protocol> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let write = async {
            for part in parts {
                client.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.shutdown().await.unwrap();
        };
        tokio::join!(protocol(&stream), write).0
    }

    #[tokio::test]
    async fn the_first_bytes_tell_what_is_spoken() {
        assert_eq!(detected(&[b"GET / HTTP/1.1\r\n"]).await, Some(Protocol::Http1));
        assert_eq!(detected(&[b"P", b"RI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\n"]).await, Some(Protocol::Http2));
        assert_eq!(detected(&[b"PR", b"OPFIND / HTTP/1.1\r\n"]).await, Some(Protocol::Http1));
        assert_eq!(detected(&[]).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_or_stops_in_the_middle_is_not_waited_for() {
        for begun in [&b""[..], b"PRI * HT"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            client.write_all(begun).await.unwrap();
            assert_eq!(protocol(&stream).await, None);
        }
    }
}
