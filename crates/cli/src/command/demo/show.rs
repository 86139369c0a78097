//! The board, kept in step with what the hub has stored.

use std::{sync::Arc, time::Duration};

use grafolean_collector::{
    model::AccountId,
    time::{Clock, SystemClock, Timestamp},
};
use grafolean_hub::{
    Hub,
    points::{Order, PathFilter, Span},
};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{board::Board, screen::Screen};

/// How often the screen looks at what the hub has stored.
const LOOK: Duration = Duration::from_millis(500);

/// More series than a screenful of devices has.
const MOST_SERIES: usize = 10_000;

/// More values of one series than a demo of a week has.
const MOST_POINTS: usize = 200_000;

/// What is shown, and where it comes from.
pub(super) struct Show {
    pub(super) screen: Screen,
    pub(super) hub: Arc<Hub>,
    pub(super) account: AccountId,
    pub(super) board: Board,
    /// Values from before are an earlier demo's.
    pub(super) began: Timestamp,
    /// Values of flows that were there before; their times are those of their bins, not of this demo.
    pub(super) flow_values_before: u64,
}

impl Show {
    /// Looks again and again until it is stopped.
    pub(super) async fn run(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut looks = time::interval(LOOK);
        loop {
            tokio::select! { biased; () = stop.cancelled() => return Ok(()), _ = looks.tick() => {} }
            self.look().await?;
        }
    }

    /// Shows what the hub has stored.
    pub(super) async fn look(&mut self) -> anyhow::Result<()> {
        let (account, filter) = (self.account, "*".parse()?);
        let last =
            self.hub.points().read(move |reader| reader.last_values(account, &filter, MOST_SERIES)).await?;
        let ours = last.iter().filter(|it| it.point.time >= self.began);
        let stored: Vec<_> = ours.map(|it| (it.path.as_str(), it.point.time, it.point.value)).collect();
        let news = self.board.update(&stored);
        self.screen.show(|| self.board.table(SystemClock.now()), &news)?;
        Ok(())
    }

    /// Counts the values that the hub holds of this demo.
    pub(super) async fn stored(&self) -> anyhow::Result<u64> {
        let since = Span { from: self.began, until: Span::ALL.until };
        let of_flows = flow_values(&self.hub, self.account).await?;
        let of_others = count(&self.hub, self.account, "entity.*", since).await?;
        Ok(of_others + of_flows.saturating_sub(self.flow_values_before))
    }
}

/// Counts the values of flows that a hub holds.
pub(super) async fn flow_values(hub: &Hub, account: AccountId) -> anyhow::Result<u64> {
    count(hub, account, "netflow.*", Span::ALL).await
}

async fn count(hub: &Hub, account: AccountId, filter: &str, span: Span) -> anyhow::Result<u64> {
    let filter: PathFilter = filter.parse()?;
    let counted = hub.points().read(move |reader| {
        let rows = reader.paths(account, &filter, MOST_SERIES)?.rows;
        let count = |row| reader.window(row, span, Order::Ascending, MOST_POINTS).map(|it| it.points.len());
        rows.into_iter().try_fold(0, |sum, row| Ok(sum + count(row.id)?))
    });
    Ok(u64::try_from(counted.await?)?)
}
