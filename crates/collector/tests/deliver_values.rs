//! Values on their way to a backend that fails in many ways, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code
)]

mod delivering;

use std::time::Duration;

use delivering::{Behavior, DeliveryTest, START, pass};
use grafolean_collector::{
    model::AccountId,
    report::{Report, Values},
    spool::{Letters, SpoolFile},
    time::Timestamp,
};

#[tokio::test(start_paused = true)]
async fn values_go_with_their_due_time_and_leave_the_spool() {
    let mut bench = DeliveryTest::new().await;
    bench.start();
    let time = bench.accept(1, &[("a.b", 1.5), ("a.c", 2.5), ("a.b", 3.5)]).await;
    pass(Duration::from_millis(100)).await;
    let stored = bench.backend.world().values.clone();
    let expected = [((1, "a.b".to_owned(), time.micros()), 3.5), ((1, "a.c".to_owned(), time.micros()), 2.5)];
    assert_eq!(stored.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(bench.waiting(), 0);
    assert_eq!(bench.backend.world().requests.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_breaks_a_rule_is_never_sent() {
    let mut bench = DeliveryTest::new().await;
    bench.start();
    bench
        .accept(1, &[("good", 1.0), ("bad\n", 2.0), ("nan", f64::NAN), ("system.x", 1.0), ("also.good", 4.0)])
        .await;
    pass(Duration::from_millis(100)).await;
    assert_eq!(bench.backend.world().values.len(), 2);
    let dead = bench.dead_letters();
    assert_eq!(dead.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["bad\n", "nan", "system.x"]);
    assert!(dead[1].1.contains("not a finite number"), "{dead:?}");
    assert_eq!(bench.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_poison_is_found_and_everything_else_is_delivered() {
    for status in [400, 422, 409, 500, 502] {
        let mut bench = DeliveryTest::new().await;
        bench.backend.world().poison.insert("p.617".to_owned(), status);
        bench.start();
        let paths: Vec<String> = (0..2_500).map(|number| format!("p.{number}")).collect();
        let values: Vec<(&str, f64)> = paths.iter().map(|path| (path.as_str(), 1.0)).collect();
        bench.accept(1, &values).await;
        bench.accept(2, &[("other", 1.0)]).await;
        pass(Duration::from_secs(10)).await;
        assert_eq!(bench.backend.world().values.len(), 2_500, "{status}");
        let dead = bench.dead_letters();
        assert_eq!(dead.len(), 1);
        assert!(dead[0].0 == "p.617" && dead[0].1.contains(&status.to_string()), "{dead:?}");
        assert_eq!(bench.waiting(), 0);
        // Another account does not wait for it.
        let other = bench.backend.world().requests.iter().find(|request| request.1 == 2).unwrap().0;
        assert!(other - Duration::from_secs(1) < Timestamp::from_seconds(START), "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_is_split_and_nobody_is_blamed() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().max_body = 2_000;
    bench.start();
    let paths: Vec<String> = (0..900).map(|number| format!("p.{number}")).collect();
    bench.accept(1, &paths.iter().map(|path| (path.as_str(), 1.0)).collect::<Vec<_>>()).await;
    pass(Duration::from_secs(5)).await;
    assert_eq!(bench.backend.world().values.len(), 900);
    assert!(bench.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_stores_nothing_does_not_empty_the_spool_into_dead_letters() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().behavior = Behavior::StoresNothing;
    bench.start();
    let paths: Vec<String> = (0..3_000).map(|number| format!("p.{number}")).collect();
    bench.accept(1, &paths.iter().map(|path| (path.as_str(), 1.0)).collect::<Vec<_>>()).await;
    pass(Duration::from_hours(2)).await;
    assert!(bench.dead_letters().is_empty());
    let requests = bench.backend.world().requests.len();
    assert!(requests < 3_000, "{requests} requests in two hours");
    bench.backend.world().behavior = Behavior::Well;
    pass(Duration::from_mins(11)).await;
    assert_eq!((bench.backend.world().values.len(), bench.waiting()), (3_000, 0));
    assert!(bench.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_takes_at_one_moment_what_it_refuses_at_the_next_makes_no_dead_letter() {
    for status in [400, 404, 413, 422, 500, 502, 503] {
        for behavior in
            [Behavior::Alternates(status), Behavior::AtRandom(status, 30), Behavior::AtRandom(status, 70)]
        {
            let mut bench = DeliveryTest::new().await;
            bench.accept(1, &[("before", 1.0)]).await;
            bench.start();
            pass(Duration::from_secs(1)).await;
            bench.backend.world().behavior = behavior;
            for _ in 0..30 {
                bench.accept(1, &[("a", 1.0), ("b", 1.0)]).await;
                pass(Duration::from_secs(30)).await;
            }
            let dead = bench.dead_letters();
            assert!(dead.is_empty(), "{behavior:?}: {dead:?}");
            let stored = bench.backend.world().values.len();
            assert!(stored > 5, "{behavior:?}: only {stored} values in a quarter of an hour");
            bench.backend.world().behavior = Behavior::Well;
            pass(Duration::from_mins(2)).await;
            assert_eq!((bench.backend.world().values.len(), bench.waiting()), (61, 0), "{behavior:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_poisons_before_the_good_ones_do_not_block_them() {
    let mut bench = DeliveryTest::new().await;
    let paths: Vec<String> = (0..200).map(|number| format!("p.{number}")).collect();
    bench.backend.world().poison = paths[..150].iter().map(|path| (path.clone(), 500)).collect();
    bench.start();
    bench.accept(1, &paths.iter().map(|path| (path.as_str(), 1.0)).collect::<Vec<_>>()).await;
    pass(Duration::from_mins(1)).await;
    assert_eq!(bench.backend.world().values.len(), 50);
    assert_eq!(bench.dead_letters().len(), 150);
    assert_eq!(bench.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_refused_does_not_hold_up_another_and_is_asked_slowly() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().forbidden_put.insert(1);
    bench.backend.world().forbidden_post.insert(1);
    bench.start();
    for _ in 0..60 {
        bench.accept(1, &[("a", 1.0)]).await;
        bench.accept(2, &[("b", 2.0)]).await;
        pass(Duration::from_mins(1)).await;
    }
    assert_eq!(bench.backend.world().values.len(), 60);
    let refused = bench.backend.world().requests.iter().filter(|request| request.1 == 1).count();
    assert!((4..=40).contains(&refused), "{refused} requests in an hour");
    assert_eq!(bench.waiting(), 60);
    bench.backend.world().forbidden_put.clear();
    pass(Duration::from_mins(11)).await;
    assert_eq!((bench.backend.world().values.len(), bench.waiting()), (120, 0));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_is_not_hammered_and_nothing_is_lost() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().behavior = Behavior::Unauthorized;
    bench.start();
    for _ in 0..120 {
        bench.accept(1, &[("a", 1.0)]).await;
        pass(Duration::from_secs(30)).await;
    }
    let asked = bench.backend.world().requests.len();
    assert!((4..=14).contains(&asked), "{asked} requests in an hour");
    bench.backend.world().behavior = Behavior::Well;
    pass(Duration::from_mins(11)).await;
    assert_eq!((bench.backend.world().values.len(), bench.waiting()), (120, 0));
}

#[tokio::test(start_paused = true)]
async fn where_put_is_forbidden_fresh_values_are_posted_and_old_ones_wait_for_the_permission() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().forbidden_put.insert(1);
    bench.accept(1, &[("a", 1.0)]).await;
    pass(Duration::from_mins(5)).await;
    bench.accept(1, &[("a", 2.0)]).await;
    bench.accept(1, &[("a", 3.0), ("b", 3.5)]).await;
    bench.start();
    pass(Duration::from_secs(10)).await;
    let posted: Vec<_> = bench.backend.world().posted.iter().map(|post| (post.1.clone(), post.3)).collect();
    assert_eq!(posted, [("a".to_owned(), 3.0), ("b".to_owned(), 3.5)]);
    assert_eq!(bench.waiting(), 2);
    bench.accept(1, &[("a", 4.0)]).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(bench.backend.world().posted.last().unwrap().3, 4.0);
    bench.backend.world().forbidden_put.clear();
    pass(Duration::from_mins(11)).await;
    assert_eq!(bench.backend.world().values.values().copied().collect::<Vec<_>>(), [1.0, 2.0]);
    assert_eq!(bench.waiting(), 0);
    assert!(bench.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_the_fresh_come_first_and_the_replay_keeps_its_rate() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().behavior = Behavior::Away;
    bench.start();
    // 60 minutes of 1,000 values each.
    for minute in 0..60 {
        let values = (0..1_000).map(|number| (format!("p.{number}"), f64::from(minute))).collect();
        let (account, time) = (AccountId::new(1), Timestamp::from_seconds(START + 60 * i64::from(minute)));
        bench.spool.accept(&[Report::Values(Values { account, time, values })]).await.unwrap();
        pass(Duration::from_mins(1)).await;
    }
    let during = bench.backend.world().requests.len();
    assert!(during <= 2 * 120, "{during} requests while the backend was away");
    bench.backend.world().behavior = Behavior::Well;
    let back = bench.backend.world().requests.len();
    pass(Duration::from_secs(62)).await;
    assert_eq!((bench.backend.world().values.len(), bench.waiting()), (60_000, 0));
    let world = bench.backend.world();
    let replayed: Vec<_> = world.requests[back..].iter().filter(|request| request.2 > 0).collect();
    let first = replayed[0].0;
    for second in 1..12 {
        let sent: usize = replayed
            .iter()
            .filter(|request| request.0 < first + Duration::from_secs(second))
            .map(|request| request.2)
            .sum();
        // A second's worth at once, then the rate; a report more is overdrawn, and one was fresh.
        assert!(sent <= 5_000 * (usize::try_from(second).unwrap() + 1) + 3_000, "{sent} after {second} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_flushes_what_can_be_delivered_and_ends_in_time() {
    let mut bench = DeliveryTest::new().await;
    bench.start();
    pass(Duration::from_secs(1)).await;
    bench.accept(1, &[("a", 1.0)]).await;
    bench.stop().await;
    assert_eq!((bench.backend.world().values.len(), bench.waiting()), (1, 0));
    bench.backend.world().behavior = Behavior::Away;
    bench.accept(1, &[("b", 1.0)]).await;
    bench.start();
    pass(Duration::from_secs(1)).await;
    let stopped = tokio::time::Instant::now();
    bench.stop().await;
    assert!(stopped.elapsed() <= Duration::from_secs(5));
    assert_eq!(bench.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_retried_is_delivered_within_seconds() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().poison.insert("late".to_owned(), 400);
    bench.start();
    // Beside a value that is taken: alone it would only show that the backend takes nothing.
    let time = bench.accept(1, &[("late", 1.0), ("good", 1.0)]).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(bench.dead_letters().len(), 1);
    bench.backend.world().poison.clear();
    assert_eq!(SpoolFile::open(bench.spool.path()).unwrap().retry_all(Letters::All).unwrap(), 1);
    pass(Duration::from_secs(11)).await;
    assert_eq!(bench.backend.world().values[&(1, "late".to_owned(), time.micros())], 1.0);
    assert!(bench.dead_letters().is_empty());
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p.{number}")).collect()
}

async fn accept_many(bench: &DeliveryTest, paths: &[String]) {
    bench.accept(1, &paths.iter().map(|path| (path.as_str(), 1.0)).collect::<Vec<_>>()).await;
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_refuses_everything_empties_no_spool_is_asked_seldom_and_is_unhealthy() {
    let moods = [400, 404, 413].map(Behavior::Refuses).into_iter();
    for behavior in moods.chain([400, 413].map(Behavior::RefusesValues)) {
        for it_took_values_before in [true, false] {
            let mut bench = DeliveryTest::new().await;
            bench.start();
            if it_took_values_before {
                bench.accept(1, &[("known", 1.0)]).await;
                bench.accept(2, &[("other", 1.0)]).await;
                pass(Duration::from_secs(1)).await;
            }
            bench.backend.world().behavior = behavior;
            bench.backend.world().requests.clear();
            accept_many(&bench, &many(1_200)).await;
            // A report of one value, too, is no proof of anything.
            bench.accept(2, &[("single", 1.0)]).await;
            pass(Duration::from_secs(1)).await;
            let reason = bench.metrics.check().unwrap_err();
            assert!(reason.contains("account 1: the backend takes no value"), "{behavior:?}: {reason}");
            pass(Duration::from_mins(10)).await;
            assert!(bench.dead_letters().is_empty(), "{behavior:?}: {:?}", bench.dead_letters());
            assert_eq!(bench.waiting(), 1_201, "{behavior:?}");
            let asked = bench.backend.world().requests.len();
            assert!(asked < 300, "{behavior:?}: {asked} requests in ten minutes");
            bench.backend.world().behavior = Behavior::Well;
            pass(Duration::from_secs(70)).await;
            assert_eq!((bench.waiting(), bench.metrics.check()), (0, Ok(())), "{behavior:?}");
            assert!(bench.dead_letters().is_empty(), "{behavior:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_begins_to_refuse_in_the_middle_of_a_batch_makes_no_dead_letters() {
    for after in [1, 2, 4, 7, 11] {
        let mut bench = DeliveryTest::new().await;
        bench.backend.world().poison.insert("p.3000".to_owned(), 400);
        bench.backend.world().turns = Some((after, Behavior::Refuses(400)));
        bench.start();
        accept_many(&bench, &many(9_000)).await;
        pass(Duration::from_mins(2)).await;
        assert!(bench.dead_letters().is_empty(), "after {after}: {:?}", bench.dead_letters().len());
        bench.backend.world().behavior = Behavior::Well;
        pass(Duration::from_mins(2)).await;
        assert_eq!((bench.backend.world().values.len(), bench.waiting()), (8_999, 0), "after {after}");
        assert_eq!(bench.dead_letters().len(), 1, "after {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_control_sample_that_is_refused_itself_does_not_hold_up_what_is_taken() {
    let mut bench = DeliveryTest::new().await;
    bench.start();
    bench.accept(1, &[("known", 1.0)]).await;
    pass(Duration::from_secs(1)).await;
    bench.backend.world().poison.extend([("known".to_owned(), 400), ("p.5".to_owned(), 400)]);
    accept_many(&bench, &many(100)).await;
    pass(Duration::from_mins(2)).await;
    assert_eq!((bench.waiting(), bench.dead_letters().len()), (0, 1));
    assert_eq!(bench.backend.world().values.len(), 100, "known, and all but one");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_refused_once_and_then_taken_is_no_dead_letter() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().poison.insert("p.7".to_owned(), 400);
    bench.start();
    accept_many(&bench, &many(10)).await;
    // The first three requests are the batch and its halves: what is alone is tried again.
    while bench.backend.world().requests.last().is_none_or(|request| request.2 > 1) {
        pass(Duration::from_millis(1)).await;
    }
    pass(Duration::from_millis(2)).await;
    bench.backend.world().poison.clear();
    pass(Duration::from_secs(5)).await;
    assert_eq!((bench.backend.world().values.len(), bench.waiting()), (10, 0));
    assert!(bench.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_stops_a_probe_or_a_judgement_stops_all_and_rejects_nothing() {
    // The backend turns while the value at fault is looked for (500, which is probed) or judged (400): at each request of it.
    for (status, turn) in [500, 400].into_iter().flat_map(|status| {
        [Behavior::Unauthorized, Behavior::Away, Behavior::Fails, Behavior::Busy(30)]
            .map(|turn| (status, turn))
    }) {
        // A token that is refused is asked with slowly.
        let mended_within = if turn == Behavior::Unauthorized { 11 } else { 2 };
        for after in [1, 2, 3, 5, 8] {
            let mut bench = DeliveryTest::new().await;
            bench.start();
            bench.accept(1, &[("known", 1.0)]).await;
            pass(Duration::from_secs(1)).await;
            bench.backend.world().poison.insert("p.4".to_owned(), status);
            bench.backend.world().turns = Some((after, turn));
            accept_many(&bench, &many(8)).await;
            pass(Duration::from_secs(20)).await;
            let has_turned = bench.backend.world().behavior == turn;
            let dead = bench.dead_letters().len();
            assert!(dead == 0 || !has_turned || bench.waiting() == 0, "{status}, {turn:?} after {after}");
            bench.backend.world().behavior = Behavior::Well;
            pass(Duration::from_mins(mended_within)).await;
            assert_eq!(bench.waiting(), 0, "{status}, {turn:?} after {after}");
            assert_eq!(bench.backend.world().values.len(), 8, "{status}, {turn:?} after {after}");
            assert_eq!(bench.dead_letters().len(), 1, "{status}, {turn:?} after {after}");
            assert_eq!(bench.metrics.check(), Ok(()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_too_large_become_smaller_and_stay_so() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().max_body = 5_000;
    bench.start();
    accept_many(&bench, &many(5_000)).await;
    pass(Duration::from_secs(5)).await;
    assert_eq!((bench.backend.world().values.len(), bench.waiting()), (5_000, 0));
    let sizes: Vec<usize> = bench.backend.world().requests.iter().map(|request| request.2).collect();
    let refused = sizes.iter().filter(|size| **size > 130).count();
    assert!(refused <= 4, "{refused} of {} requests were too large", sizes.len());
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_followed_by_all_accounts() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().behavior = Behavior::Busy(120);
    bench.start();
    bench.accept(1, &[("a", 1.0)]).await;
    bench.accept(2, &[("b", 1.0)]).await;
    pass(Duration::from_secs(119)).await;
    assert_eq!(bench.backend.world().requests.len(), 1, "no probe, no other account");
    bench.backend.world().behavior = Behavior::Well;
    pass(Duration::from_secs(2)).await;
    assert_eq!((bench.backend.world().values.len(), bench.waiting()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn by_post_all_that_is_fresh_goes_however_many_requests_it_takes() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().forbidden_put.insert(1);
    for part in 0..13 {
        let paths: Vec<String> = (0..1_000).map(|number| format!("p.{part}.{number}")).collect();
        accept_many(&bench, &paths).await;
    }
    pass(Duration::from_secs(1)).await;
    bench.accept(1, &[("p.0.0", 2.0)]).await;
    bench.start();
    pass(Duration::from_secs(30)).await;
    let posted = bench.backend.world().posted.len();
    assert_eq!((posted, bench.waiting()), (12_001, 1_000), "what is superseded waits for PUT");
    bench.backend.world().forbidden_put.clear();
    pass(Duration::from_mins(11)).await;
    assert_eq!((bench.backend.world().values.len(), bench.waiting()), (1_000, 0));
}

#[tokio::test(start_paused = true)]
async fn by_post_nothing_is_sent_twice_and_nothing_is_rejected_alone() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().forbidden_put.insert(1);
    bench.backend.world().poison.insert("bad".to_owned(), 400);
    bench.start();
    bench.accept(1, &[("bad", 1.0)]).await;
    pass(Duration::from_secs(5)).await;
    assert!(bench.dead_letters().is_empty(), "nothing was posted beside it");
    bench.accept(1, &[("a", 1.0), ("b", 1.0), ("c", 1.0)]).await;
    pass(Duration::from_secs(70)).await;
    let posted: Vec<_> = bench.backend.world().posted.iter().map(|post| post.1.clone()).collect();
    assert_eq!(posted, ["a", "b", "c"]);
    assert_eq!((bench.dead_letters().len(), bench.waiting()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_spool_that_is_closed_ends_delivery_with_an_error() {
    let mut bench = DeliveryTest::new().await;
    bench.start();
    pass(Duration::from_secs(1)).await;
    bench.spool.clone().close().await.unwrap();
    assert!(bench.ended().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_is_unhealthy_until_it_is_taken() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().behavior = Behavior::Unauthorized;
    bench.start();
    bench.accept(1, &[("a", 1.0)]).await;
    pass(Duration::from_secs(1)).await;
    assert!(bench.metrics.check().unwrap_err().contains("does not know this token"));
    bench.backend.world().behavior = Behavior::Well;
    bench.backend.world().has_new_token = true;
    pass(Duration::from_secs(11)).await;
    assert_eq!((bench.waiting(), bench.metrics.check()), (0, Ok(())), "a new token is not waited for");
}

#[tokio::test(start_paused = true)]
async fn a_page_in_place_of_an_answer_keeps_all_and_is_unhealthy_until_values_are_stored() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().behavior = Behavior::TalksNonsense;
    bench.start();
    bench.accept(1, &[("a", 1.0), ("b", 2.0)]).await;
    pass(Duration::from_secs(60)).await;
    let told = bench.metrics.check().unwrap_err();
    assert!(told.contains("account 1: the backend stores no value") && told.contains("<html>"), "{told}");
    let noted = bench.metrics.check_waiting().unwrap_err();
    assert!(noted.contains("the values of account 1 wait"), "{noted}");
    assert_eq!(bench.waiting(), 2);
    bench.backend.world().behavior = Behavior::Well;
    pass(Duration::from_secs(61)).await;
    assert_eq!((bench.waiting(), bench.metrics.check(), bench.metrics.check_waiting()), (0, Ok(()), Ok(())));
}
