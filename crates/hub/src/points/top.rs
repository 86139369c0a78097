//! The highest values of the newest moment: quick however many series have ended.

use std::collections::HashMap;

use grafolean_collector::{model::AccountId, time::Timestamp};

use super::{PathFilter, Point, PointsError, Reader, SeriesId, error::Context};

/// Series below a filter's prefix up to which each is looked at, a few milliseconds. Of more than that the newest are
/// looked at first, until older ones cannot matter.
const FEW: i64 = 2_000;

/// The highest values of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    /// The moment.
    pub time: Timestamp,
    /// The sum of all values of that moment that the filter means.
    pub total: f64,
    /// The highest ones, descending.
    pub list: Vec<(String, f64)>,
}

/// The values of the newest moment met so far.
#[derive(Default)]
struct Newest {
    time: Option<Timestamp>,
    values: HashMap<SeriesId, (String, f64)>,
}

impl Newest {
    /// Whether a value at a time would be of that moment, or of a newer one.
    fn wants(&self, time: Timestamp) -> bool {
        self.time.is_none_or(|newest| time >= newest)
    }

    /// Offers a value; of two of one series at one time the one that is offered first stands.
    fn offer(&mut self, id: SeriesId, path: String, point: Point) {
        if !self.wants(point.time) {
            return;
        }
        if self.time != Some(point.time) {
            self.time = Some(point.time);
            self.values.clear();
        }
        self.values.entry(id).or_insert((path, point.value));
    }

    fn top(self, most: usize) -> Option<Top> {
        let mut list: Vec<_> = self.values.into_values().collect();
        // By path where values are equal, so that the same question has the same answer.
        list.sort_by(|(a_path, a), (b_path, b)| b.total_cmp(a).then_with(|| a_path.cmp(b_path)));
        let total = list.iter().map(|(_, value)| value).sum();
        list.truncate(most);
        Some(Top { time: self.time?, total, list })
    }
}

impl Reader {
    /// Finds the newest moment up to and with `at` at which any series that a filter means has a value, and returns the
    /// highest `most` values of that moment.
    pub fn top(
        &self,
        account: AccountId,
        filter: &PathFilter,
        at: Timestamp,
        most: usize,
    ) -> Result<Option<Top>, PointsError> {
        let newest = if self.has_few(account, filter)? {
            self.newest_of_each(account, filter, at)?
        } else {
            self.newest_first(account, filter, at)?
        };
        Ok(newest.top(most))
    }

    fn newest_of_each(
        &self,
        account: AccountId,
        filter: &PathFilter,
        at: Timestamp,
    ) -> Result<Newest, PointsError> {
        let mut newest = Newest::default();
        self.each_series(account, filter, |known| {
            if let Some(point) = self.newest(&known, at)? {
                newest.offer(known.id, known.path, point);
            }
            Ok(true)
        })?;
        Ok(newest)
    }

    fn newest_first(
        &self,
        account: AccountId,
        filter: &PathFilter,
        at: Timestamp,
    ) -> Result<Newest, PointsError> {
        let mut newest = Newest::default();
        // Memory first: what is sealed in between is then found in a row as well, never in neither.
        self.offer_recent(account, filter, at, &mut newest)?;
        self.offer_sealed(account, filter, at, &mut newest)?;
        self.offer_from_blocks(account, filter, at, &mut newest)?;
        Ok(newest)
    }

    fn has_few(&self, account: AccountId, filter: &PathFilter) -> Result<bool, PointsError> {
        const DOING: &str = "counting paths";
        let from = filter.prefix();
        // No path holds a character as high as this one.
        let until = format!("{from}\u{7f}");
        let counted = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM series WHERE account = ?1 AND path >= ?2 AND path < ?3 LIMIT ?4)",
            )
            .and_then(|mut count| {
                count.query_row((account.number(), from, until, FEW + 1), |row| row.get::<_, i64>(0))
            });
        Ok(counted.doing(DOING)? <= FEW)
    }

    /// What is not yet in blocks, the newest first.
    fn offer_recent(
        &self,
        account: AccountId,
        filter: &PathFilter,
        at: Timestamp,
        newest: &mut Newest,
    ) -> Result<(), PointsError> {
        let recent = self.recent.read().newest_of_all(at);
        for (id, point) in recent {
            if !newest.wants(point.time) {
                break;
            }
            if let Some(row) = self.path(account, id)?
                && filter.matches(&row.path)
            {
                newest.offer(id, row.path, point);
            }
        }
        Ok(())
    }

    /// Series whose newest sealed value is not after the moment, the newest first.
    fn offer_sealed(
        &self,
        account: AccountId,
        filter: &PathFilter,
        at: Timestamp,
        newest: &mut Newest,
    ) -> Result<(), PointsError> {
        const DOING: &str = "reading the newest values";
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT id, path, last, latest FROM series INDEXED BY series_by_last
                 WHERE account = ?1 AND last <= ?2 ORDER BY last DESC",
            )
            .doing(DOING)?;
        let mut rows = select.query((account.number(), at.micros())).doing(DOING)?;
        while let Some(row) = rows.next().doing(DOING)? {
            if !newest.wants(Timestamp::from_micros(row.get(2).doing(DOING)?)) {
                break;
            }
            let id = SeriesId::new(row.get(0).doing(DOING)?);
            let path: String = row.get(1).doing(DOING)?;
            if filter.matches(&path)
                && let Some(point) = self.sealed_of(id, row)?
            {
                newest.offer(id, path, point);
            }
        }
        Ok(())
    }

    /// Series that went on after the moment: what they had until then stands in their blocks.
    fn offer_from_blocks(
        &self,
        account: AccountId,
        filter: &PathFilter,
        at: Timestamp,
        newest: &mut Newest,
    ) -> Result<(), PointsError> {
        const DOING: &str = "reading values of a moment that has passed";
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT id, path FROM series INDEXED BY series_by_last
                 WHERE account = ?1 AND last > ?2 AND first <= ?2",
            )
            .doing(DOING)?;
        let mut rows = select.query((account.number(), at.micros())).doing(DOING)?;
        while let Some(row) = rows.next().doing(DOING)? {
            let id = SeriesId::new(row.get(0).doing(DOING)?);
            let path: String = row.get(1).doing(DOING)?;
            if filter.matches(&path)
                && let Some(point) = self.newest_sealed(id, at)?
            {
                newest.offer(id, path, point);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use grafolean_collector::{
        model::{Sample, SeriesPath},
        time::SystemClock,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::points::{Keep, Limits, Points, Settings};

    const ACCOUNT: AccountId = AccountId::new(7);
    const SMALL: Settings = Settings {
        keep: Keep::ALL,
        disk_reserve: 0,
        limits: Limits { recent_bytes: 100_000, block_points: 4 },
    };

    /// Series, time, value; a group is followed by sealing or not.
    type Groups = Vec<(Vec<(usize, i64, i32)>, bool)>;

    fn groups() -> impl Strategy<Value = Groups> {
        let value = (0..8_usize, 0..12_i64, -3..9_i32);
        prop::collection::vec((prop::collection::vec(value, 1..12), any::<bool>()), 1..6)
    }

    fn name(series: usize) -> String {
        format!("{}.{series}", if series < 4 { "a" } else { "b" })
    }

    /// From the definition: by series and time the last value put; the newest time up to `at` of those meant.
    fn expected(groups: &Groups, prefix: &str, at: i64) -> Option<Top> {
        let mut model = BTreeMap::new();
        for &(series, time, value) in groups.iter().flat_map(|(values, _)| values) {
            model.insert((name(series), time), f64::from(value));
        }
        let meant = |(path, time): &(String, i64)| path.starts_with(prefix) && *time <= at;
        let newest = model.keys().filter(|key| meant(key)).map(|(_, time)| *time).max()?;
        let all = model.iter().filter(|((path, time), _)| path.starts_with(prefix) && *time == newest);
        let mut list: Vec<_> = all.map(|((path, _), &value)| (path.clone(), value)).collect();
        list.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let total = list.iter().map(|(_, value)| value).sum();
        list.truncate(3);
        Some(Top { time: Timestamp::from_micros(newest), total, list })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn both_ways_to_it_find_what_the_definition_says(
            groups in groups(), at in 0..13_i64, prefix in prop::sample::select(vec!["", "a.", "b."])
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let tops = runtime.block_on(async {
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("points.sqlite");
                let points = Points::open(&file, SMALL, Arc::new(SystemClock)).unwrap();
                for (values, seal) in &groups {
                    let sample = |&(series, time, value): &(usize, i64, i32)| Sample {
                        path: SeriesPath::parse(&name(series)).unwrap(),
                        time: Timestamp::from_micros(time),
                        value: f64::from(value),
                    };
                    points.put(ACCOUNT, values.iter().map(sample).collect()).await.unwrap();
                    if *seal {
                        points.seal().await.unwrap();
                    }
                }
                let filter: PathFilter = format!("{prefix}*").parse().unwrap();
                let tops = points.read(move |reader| {
                    let at = Timestamp::from_micros(at);
                    let each = reader.newest_of_each(ACCOUNT, &filter, at)?.top(3);
                    Ok([each, reader.newest_first(ACCOUNT, &filter, at)?.top(3)])
                });
                tops.await.unwrap()
            });
            let expected = expected(&groups, prefix, at);
            prop_assert_eq!(&tops[0], &expected);
            prop_assert_eq!(&tops[1], &expected);
        }
    }
}
