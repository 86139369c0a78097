//! A proxy before the hub, which answers some requests itself.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What the proxy answers to a request by itself: a status, and the text that goes with it.
pub(crate) type Rule = fn(method: &str, path: &str) -> Option<(u16, &'static str)>;

/// The proxy; it lives as long as the test.
pub(crate) struct Proxy {
    address: String,
    rule: Arc<Mutex<Rule>>,
}

impl Proxy {
    /// Listens at a free port before a hub.
    pub(crate) fn before(hub: &str, rule: Rule) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let proxy = Self { address, rule: Arc::new(Mutex::new(rule)) };
        let (hub, rule) = (hub.to_owned(), Arc::clone(&proxy.rule));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (hub, rule) = (hub.clone(), Arc::clone(&rule));
                // Who hangs up comes again.
                thread::spawn(move || serve(&connection.unwrap(), &hub, &rule));
            }
        });
        proxy
    }

    /// The address of the API behind it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// From here on it answers by another rule.
    pub(crate) fn answer(&self, rule: Rule) {
        *self.rule.lock().unwrap() = rule;
    }
}

/// Answers one request, or has the hub answer it.
fn serve(mut connection: &TcpStream, hub: &str, rule: &Mutex<Rule>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut head, mut length) = (first.clone(), 0);
    for line in reader.by_ref().lines() {
        let line = line?;
        let lower = line.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = lower.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if !lower.starts_with("connection:") {
            head += &(line + "\r\n");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let own = (*rule.lock().unwrap())(method, path);
    if let Some((status, text)) = own {
        let length = text.len();
        return write!(
            connection,
            "HTTP/1.1 {status} no\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
        );
    }
    let mut behind = TcpStream::connect(hub)?;
    behind.write_all((head + "connection: close\r\n\r\n").as_bytes())?;
    behind.write_all(&body)?;
    std::io::copy(&mut behind, &mut connection)?;
    Ok(())
}
