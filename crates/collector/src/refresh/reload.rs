//! A wish to read the configuration now.

use tokio::sync::watch;

/// A request to read the configuration now, with the files that it names. Each clone sees each request once.
#[derive(Clone, Debug)]
pub struct Reload(watch::Receiver<u64>);

impl Reload {
    /// Returns one that nobody ever requests.
    pub fn never() -> Self {
        Self(watch::channel(0).1)
    }

    /// Returns one, and what requests it.
    pub fn channel() -> (watch::Sender<u64>, Self) {
        let (sender, receiver) = watch::channel(0);
        (sender, Self(receiver))
    }

    /// Waits for a request that this clone has not seen. Cancel-safe.
    pub async fn requested(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn each_clone_sees_each_request_once() {
        let (requests, mut first) = Reload::channel();
        let mut second = first.clone();
        requests.send_modify(|count| *count += 1);
        first.requested().await;
        second.requested().await;
        let again = tokio::time::timeout(Duration::from_millis(1), first.requested()).await;
        assert!(again.is_err(), "seen already");
        drop(requests);
        assert!(tokio::time::timeout(Duration::from_millis(1), second.requested()).await.is_err());
    }
}
