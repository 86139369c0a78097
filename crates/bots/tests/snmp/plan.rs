//! The poll planner against an agent that exists only as data: what came is whole or said not to be, whatever the
//! agent does, and few packets are needed.

use crate::agent::{Agent, AgentFault, Bulk, Faults, UPTIME, oid, poll};
use grafolean_bots::snmp::{
    AskError, Exception, Oid, Request, Value,
    plan::{Limits, Missing, PollResult, Wanted},
    settings::{PollPolicy, WalkOrder},
};
use proptest::prelude::*;

pub(crate) const TABLE: &str = "1.3.6.1.2.1.2.2.1";

pub(crate) fn columns(number: u32) -> Wanted {
    let mut wanted = Wanted::default();
    (1..=number).for_each(|column| wanted.walk(oid(&format!("{TABLE}.{column}"))));
    wanted
}

pub(crate) fn run(agent: &mut Agent, wanted: &Wanted) -> PollResult {
    poll(agent, wanted, Limits::default(), PollPolicy::default())
}

pub(crate) fn rows(result: &PollResult, column: u32) -> Vec<u32> {
    let column = result.column(&oid(&format!("{TABLE}.{column}"))).unwrap();
    column.rows.iter().map(|row| row.index[0]).collect()
}

pub(crate) fn end(result: &PollResult, column: u32) -> Result<(), Missing> {
    result.column(&oid(&format!("{TABLE}.{column}"))).unwrap().end.clone()
}

#[test]
fn a_table_of_48_ports_and_10_columns_takes_a_tenth_of_the_packets() {
    let mut agent = Agent::with_table(TABLE, 10, 48);
    let result = run(&mut agent, &columns(10));
    for column in 1..=10 {
        assert_eq!(rows(&result, column), (1..=48).collect::<Vec<_>>());
        assert_eq!(end(&result, column), Ok(()));
    }
    assert!(agent.requests.len() * 10 <= 480, "{} packets", agent.requests.len());
    // With what was learnt it takes fewer still.
    let again = poll(
        &mut Agent { requests: Vec::new(), ..agent.clone() },
        &columns(10),
        result.limits,
        PollPolicy::default(),
    );
    assert!(again.requests < result.requests, "{} then {}", result.requests, again.requests);
}

#[test]
fn objects_share_a_packet_and_each_is_asked_for_once() {
    let mut agent = Agent::default();
    let mut wanted = Wanted::default();
    for number in 1..=20 {
        let object = oid(&format!("1.3.6.1.4.1.{number}.0"));
        agent.objects.insert(object.clone(), Value::Integer(number));
        wanted.get(object.clone());
        wanted.get(object);
    }
    agent.objects.insert(oid(UPTIME), Value::TimeTicks(1));
    let result = run(&mut agent, &wanted);
    assert!(matches!(&agent.requests[..], [Request::Get(oids)] if oids.len() == 21), "{:?}", agent.requests);
    assert_eq!(result.value(&oid("1.3.6.1.4.1.7.0")).unwrap().0, Value::Integer(7));
    assert_eq!(result.missing().count(), 0);
}

#[test]
fn one_unknown_object_costs_only_itself_in_every_version() {
    for v1 in [false, true] {
        let mut agent = Agent::with_table(TABLE, 1, 3);
        agent.faults.v1 = v1;
        let mut wanted = columns(1);
        wanted.get(oid("1.3.6.1.2.1.1.99.0"));
        wanted.get(oid(&format!("{TABLE}.1.2")));
        let result = run(&mut agent, &wanted);
        assert_eq!(result.value(&oid(&format!("{TABLE}.1.2"))).unwrap().0, Value::Gauge32(1002));
        let missing: Vec<_> = result.missing().collect();
        assert!(matches!(missing[..], [(_, Missing::Exception(_))]), "{missing:?}");
        assert_eq!(rows(&result, 1), [1, 2, 3]);
        assert_eq!(end(&result, 1), Ok(()));
    }
}

#[test]
fn in_v1_the_end_of_all_objects_is_an_end() {
    let mut agent = Agent::with_table(TABLE, 2, 3);
    agent.objects.remove(&oid("1.3.6.1.6.3.1.0"));
    agent.faults.v1 = true;
    let result = run(&mut agent, &columns(2));
    assert_eq!((rows(&result, 1), end(&result, 2)), (vec![1, 2, 3], Ok(())));
    assert!(agent.requests.iter().all(|request| !matches!(request, Request::Bulk { .. })));
}

#[test]
fn what_is_too_big_is_asked_for_in_smaller_pieces_and_remembered() {
    let mut agent = Agent {
        faults: Faults { too_big_above: Some(7), ..Faults::default() },
        ..Agent::with_table(TABLE, 10, 20)
    };
    let mut wanted = columns(10);
    (1..=20).for_each(|row| wanted.get(oid(&format!("{TABLE}.3.{row}"))));
    let first = run(&mut agent, &wanted);
    assert_eq!(first.missing().count(), 0);
    assert_eq!(rows(&first, 10), (1..=20).collect::<Vec<_>>());
    let mut later = Agent { requests: Vec::new(), ..agent };
    poll(&mut later, &wanted, first.limits, PollPolicy::default());
    let refused = later.requests.iter().filter(|request| request.most_varbinds() > 7).count();
    assert!(refused <= 2, "{refused} requests were too big again");
}

#[test]
fn answers_cut_short_lose_nothing() {
    for cut in [1, 3, 10, 13] {
        let faults = Faults { cut_above: Some(cut), ..Faults::default() };
        let mut agent = Agent { faults, ..Agent::with_table(TABLE, 10, 12) };
        let result = run(&mut agent, &columns(10));
        for column in 1..=10 {
            assert_eq!(rows(&result, column), (1..=12).collect::<Vec<_>>(), "cut to {cut}");
            assert_eq!(end(&result, column), Ok(()));
        }
    }
}

#[test]
fn a_path_that_loses_big_packets_is_found_out_and_not_tried_again() {
    let faults = Faults { lost_above: Some(30), ..Faults::default() };
    let mut agent = Agent { faults, ..Agent::with_table(TABLE, 4, 300) };
    let mut wanted = columns(4);
    (1..=60).for_each(|row| wanted.get(oid(&format!("{TABLE}.2.{row}"))));
    let policy = PollPolicy { max_oids: 60, ..PollPolicy::default() };
    let result = poll(&mut agent, &wanted, Limits::default(), policy);
    assert_eq!(result.missing().count(), 0, "{:?}", result.missing().collect::<Vec<_>>());
    let lost = agent.requests.iter().filter(|request| request.most_varbinds() > 30).count();
    assert!(lost <= 4, "{lost} requests were lost");
    assert_eq!(rows(&result, 4).len(), 300);
}

#[test]
fn a_device_that_is_gone_is_given_up_after_few_packets() {
    let mut agent =
        Agent { faults: Faults { silent_from: Some(1), ..Faults::default() }, ..Agent::default() };
    let mut wanted = columns(3);
    wanted.get(oid("1.3.6.1.2.1.1.5.0"));
    let result = run(&mut agent, &wanted);
    // All, its uptime, and something that is wanted: it may be silent to an uptime that it does not have.
    assert_eq!(agent.requests.len(), 3);
    assert!(!result.heard);
    assert!(result.missing().all(|(_, why)| *why == Missing::Failed(AskError::Timeout)));
    assert_eq!(result.missing().count(), 5);
    // One that answered for its uptime before would do so again.
    let limits = run(&mut Agent::with_table(TABLE, 3, 3), &wanted).limits;
    agent.requests.clear();
    poll(&mut agent, &wanted, limits, PollPolicy::default());
    assert_eq!(agent.requests.len(), 2);
}

#[test]
fn a_walk_that_a_silence_cuts_is_an_error_with_the_rows_that_came() {
    let mut agent = Agent {
        faults: Faults { silent_from: Some(3), ..Faults::default() },
        ..Agent::with_table(TABLE, 2, 500)
    };
    let result = run(&mut agent, &columns(2));
    assert!(!rows(&result, 1).is_empty() && rows(&result, 1).len() < 500);
    assert_eq!(end(&result, 1), Err(Missing::Failed(AskError::Timeout)));
}

#[test]
fn a_loop_is_told_from_an_end() {
    let mut agent =
        Agent { faults: Faults { loops: true, ..Faults::default() }, ..Agent::with_table(TABLE, 2, 3) };
    agent.objects.remove(&oid("1.3.6.1.6.3.1.0"));
    let result = run(&mut agent, &columns(2));
    assert_eq!(end(&result, 1), Ok(()));
    assert_eq!(end(&result, 2), Err(Missing::NotIncreasing));
    assert_eq!(rows(&result, 2), [1, 2, 3]);
}

#[test]
fn a_row_over_which_the_agent_stumbles_costs_itself_alone_and_is_said() {
    // The last arc of its index is one after the one before, or only the other columns tell where to go on.
    for (gap, columns_walked) in [(0, 1), (0, 3), (5, 3)] {
        for names_culprit in [true, false] {
            let mut agent = Agent::with_table(TABLE, 3, 30);
            (21..21 + gap).for_each(|row| {
                (1..=3)
                    .for_each(|column| drop(agent.objects.remove(&oid(&format!("{TABLE}.{column}.{row}")))));
            });
            agent.faults.hides_culprit = !names_culprit;
            agent.broken.push(oid(&format!("{TABLE}.1.20")));
            let result = run(&mut agent, &columns(columns_walked));
            let left = (1..=30).filter(|row| !(21..21 + gap).contains(row));
            assert_eq!(rows(&result, 1), left.clone().filter(|row| *row != 20).collect::<Vec<_>>());
            assert!(matches!(end(&result, 1), Err(Missing::Failed(AskError::Status { .. }))));
            for column in 2..=columns_walked {
                assert_eq!((rows(&result, column), end(&result, column)), (left.clone().collect(), Ok(())));
            }
            assert!(agent.requests.len() < 45, "{} packets", agent.requests.len());
        }
    }
}

#[test]
fn a_row_that_is_too_big_or_met_by_silence_costs_itself_and_no_packet_gets_smaller() {
    for stumbles in [AgentFault::TooBig, AgentFault::Silent] {
        for width in [1, 3] {
            let mut agent = Agent::with_table(TABLE, 3, 30);
            agent.faults.stumbles = stumbles;
            agent.broken.push(oid(&format!("{TABLE}.1.20")));
            let policy = PollPolicy { max_timeouts: 20, ..PollPolicy::default() };
            let result = poll(&mut agent, &columns(width), Limits::default(), policy);
            assert_eq!(rows(&result, 1), (1..=30).filter(|row| *row != 20).collect::<Vec<_>>());
            assert!(end(&result, 1).is_err());
            let column = result.column(&oid(&format!("{TABLE}.1"))).unwrap();
            assert!(
                column.hole(&[20]).is_some() && column.holes.len() == 1,
                "{stumbles:?}: {:?}",
                column.holes
            );
            for column in 2..=width {
                assert_eq!((rows(&result, column).len(), end(&result, column)), (30, Ok(())));
            }
            let (before, after) = (Limits::default(), &result.limits);
            assert!(after.repetitions(1, &policy) >= before.repetitions(1, &policy), "{stumbles:?}");
            assert_eq!(after.columns(&policy), before.columns(&policy));
        }
    }
}

#[test]
fn a_row_without_a_value_costs_itself_and_those_behind_it_come() {
    let mut agent = Agent::with_table(TABLE, 2, 8);
    let hollow = [3, 5].map(|row| oid(&format!("{TABLE}.2.{row}")));
    for hollow in &hollow {
        agent.objects.remove(hollow);
    }
    agent.hollow = hollow.to_vec();
    let result = run(&mut agent, &columns(2));
    assert_eq!((rows(&result, 1).len(), end(&result, 1)), (8, Ok(())));
    assert_eq!(rows(&result, 2), [1, 2, 4, 6, 7, 8]);
    let column = result.column(&oid(&format!("{TABLE}.2"))).unwrap();
    let no_value = Missing::Exception(Exception::NoSuchInstance);
    assert_eq!(column.end, Err(no_value.clone()));
    assert_eq!(
        (column.hole(&[3]), column.hole(&[5]), column.hole(&[4])),
        (Some(&no_value), Some(&no_value), None)
    );
}

#[test]
fn rows_in_any_order_are_taken_while_they_are_new_and_the_agent_is_remembered() {
    for width in [1, 3] {
        let mut agent = Agent::with_table(TABLE, 3, 5);
        agent.chain = [3, 1, 5, 2, 4].map(|row| oid(&format!("{TABLE}.1.{row}"))).to_vec();
        for run in 0..2 {
            let limits = Limits::default();
            let result = poll(&mut agent, &columns(width), limits, PollPolicy::default());
            assert!(result.limits.is_unordered());
            for column in 1..=width {
                assert_eq!(
                    (rows(&result, column), end(&result, column)),
                    (vec![1, 2, 3, 4, 5], Ok(())),
                    "{run}"
                );
            }
            let column = result.column(&oid(&format!("{TABLE}.1"))).unwrap();
            assert_eq!(column.row(&[5]).unwrap().value, Value::Gauge32(1005));
            agent.requests.clear();
            let again = poll(&mut agent, &columns(1), result.limits, PollPolicy::default());
            assert_eq!(
                (rows(&again, 1).len(), agent.requests.len()),
                (5, 2),
                "the uptime, and all rows at once"
            );
        }
        let strict = PollPolicy { walk_order: WalkOrder::Ascending, ..PollPolicy::default() };
        let cut = poll(&mut agent, &columns(1), Limits::default(), strict);
        assert_eq!((rows(&cut, 1), end(&cut, 1)), (vec![3], Err(Missing::NotIncreasing)));
        let any = PollPolicy { walk_order: WalkOrder::Any, ..PollPolicy::default() };
        assert_eq!(end(&poll(&mut agent, &columns(1), Limits::default(), any), 1), Ok(()));
    }
}

#[test]
fn a_loop_ends_also_where_rows_may_come_in_any_order() {
    for order in [WalkOrder::Learnt, WalkOrder::Any] {
        let mut agent = Agent::with_table(TABLE, 1, 5);
        let chain = [3, 1, 5, 2, 4, 3].map(|row| oid(&format!("{TABLE}.1.{row}")));
        agent.chain = chain[..5].to_vec();
        agent.objects.retain(|oid, _| *oid <= chain[2]);
        // Behind the last one comes the first one again, within the table.
        agent.chain.push(chain[0].clone());
        let policy = PollPolicy { walk_order: order, ..PollPolicy::default() };
        let result = poll(&mut agent, &columns(1), Limits::default(), policy);
        assert_eq!(rows(&result, 1), [1, 2, 3, 4, 5]);
        assert_eq!(end(&result, 1), Err(Missing::NotIncreasing), "{order:?}");
    }
    // One that goes round in its order is no unordered one.
    let mut agent = Agent::with_table(TABLE, 1, 3);
    agent.chain = [1, 2, 3, 1].map(|row| oid(&format!("{TABLE}.1.{row}"))).to_vec();
    let result = run(&mut agent, &columns(1));
    assert_eq!((rows(&result, 1), end(&result, 1)), (vec![1, 2, 3], Err(Missing::NotIncreasing)));
    assert!(!result.limits.is_unordered());
}

#[test]
fn whoever_answers_a_getbulk_in_another_order_than_the_standards_loses_no_row() {
    for bulk in [Bulk::DropsEnded, Bulk::ColumnByColumn, Bulk::FirstColumn] {
        let mut agent = Agent::with_table(TABLE, 4, 30);
        // Columns of different length, one of them empty.
        agent.objects.retain(|found, _| !found.to_string().starts_with(&format!("{TABLE}.2.1")));
        agent.objects.retain(|found, _| found.below(&oid(&format!("{TABLE}.3"))).is_none());
        agent.faults.bulk = bulk;
        let result = run(&mut agent, &columns(4));
        let truth = |column: u32| -> Vec<u32> {
            let below = |found: &Oid| found.below(&oid(&format!("{TABLE}.{column}"))).map(|index| index[0]);
            agent.objects.keys().filter_map(below).collect()
        };
        for column in 1..=4 {
            assert_eq!(
                (rows(&result, column), end(&result, column)),
                (truth(column), Ok(())),
                "{bulk:?} {column}"
            );
        }
    }
}

#[test]
fn an_agent_that_stumbles_everywhere_is_left_alone() {
    let mut agent = Agent::with_table(TABLE, 3, 300);
    agent.broken.extend((1..=300).map(|row| oid(&format!("{TABLE}.3.{row}"))));
    let mut wanted = columns(1);
    wanted.walk(oid(&format!("{TABLE}.3")));
    let result = run(&mut agent, &wanted);
    assert_eq!((rows(&result, 1).len(), end(&result, 1)), (300, Ok(())));
    assert!(end(&result, 3).is_err() && rows(&result, 3).is_empty());
    assert!(agent.requests.len() < 80, "{} packets", agent.requests.len());
}

#[test]
fn an_agent_that_does_not_know_getbulk_is_walked_all_the_same() {
    for knows in [Bulk::Silent, Bulk::Error] {
        let mut agent = Agent::with_table(TABLE, 2, 40);
        agent.faults.bulk = knows;
        let result = run(&mut agent, &columns(2));
        for column in 1..=2 {
            assert_eq!((rows(&result, column).len(), end(&result, column)), (40, Ok(())), "{knows:?}");
        }
        let later = poll(&mut agent, &columns(2), result.limits, PollPolicy::default());
        assert_eq!(later.timeouts, 0, "what was learnt is not tried again");
    }
}

#[test]
fn an_exception_behind_rows_is_no_end() {
    let mut agent = Agent::with_table(TABLE, 1, 5);
    agent.faults.wrong_end = true;
    agent.objects.remove(&oid("1.3.6.1.6.3.1.0"));
    let result = run(&mut agent, &columns(1));
    assert_eq!(rows(&result, 1), [1, 2, 3, 4, 5]);
    assert_eq!(end(&result, 1), Err(Missing::Exception(Exception::NoSuchInstance)));
    let result = run(&mut agent, &columns(2));
    assert_eq!((rows(&result, 2), end(&result, 2)), (vec![], Ok(())), "a table that is not there");
}

#[test]
fn everything_is_walked_from_a_single_arc_on() {
    let mut agent = Agent::with_table(TABLE, 1, 3);
    agent.objects.insert(oid("1.0.8802.1.1"), Value::Integer(1));
    agent.objects.insert(oid("0.4.1"), Value::Integer(2));
    agent.objects.insert(oid("1.3.6.1.4294967295"), Value::Integer(3));
    let mut wanted = Wanted::default();
    [0, 1].into_iter().for_each(|arc| wanted.walk(Oid::root([arc]).unwrap()));
    let result = run(&mut agent, &wanted);
    let lengths = [0, 1].map(|arc| {
        let column = result.column(&Oid::root([arc]).unwrap()).unwrap();
        assert_eq!(column.end, Ok(()));
        column.rows.len()
    });
    assert_eq!(lengths, [1, 7]);
}

#[test]
fn values_beyond_the_memory_of_a_run_end_it() {
    let mut agent = Agent::with_table(TABLE, 1, 0);
    for row in 1..=100 {
        agent.objects.insert(oid(&format!("{TABLE}.1.{row}")), Value::Octets(vec![b'x'; 1_000].into()));
    }
    let policy = PollPolicy { max_bytes: 20_000, ..PollPolicy::default() };
    let result = poll(&mut agent, &columns(1), Limits::default(), policy);
    assert_eq!(end(&result, 1), Err(Missing::TooManyBytes(20_000)));
    assert!(agent.requests.len() < 4);
}

#[test]
fn a_table_beyond_the_limit_is_cut_and_said_to_be() {
    let mut agent = Agent::with_table(TABLE, 1, 50);
    let policy = PollPolicy { max_rows: 10, ..PollPolicy::default() };
    let result = poll(&mut agent, &columns(1), Limits::default(), policy);
    assert_eq!(rows(&result, 1).len(), 10);
    assert_eq!(end(&result, 1), Err(Missing::TooManyRows(10)));
}

#[test]
fn an_empty_table_is_whole() {
    let result = run(&mut Agent::with_table(TABLE, 1, 0), &columns(1));
    assert_eq!((rows(&result, 1), end(&result, 1)), (vec![], Ok(())));
}

#[test]
fn an_unknown_object_is_named_with_the_reason() {
    let mut wanted = Wanted::default();
    wanted.get(oid("1.3.6.1.9.0"));
    let result = run(&mut Agent::with_table(TABLE, 1, 1), &wanted);
    assert_eq!(result.value(&oid("1.3.6.1.9.0")), Err(Missing::Exception(Exception::NoSuchInstance)));
}

fn faults() -> impl Strategy<Value = Faults> {
    let some = |range: std::ops::Range<usize>| prop::option::of(range);
    (
        some(1..40),
        some(1..40),
        some(1..40),
        prop::option::of(2_u32..9),
        prop::option::of(1_u32..30),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(too_big_above, cut_above, lost_above, lose_every, silent_from, loops, v1)| Faults {
            too_big_above,
            cut_above,
            lost_above,
            lose_every,
            silent_from,
            loops,
            v1,
            ..Faults::default()
        })
}

proptest! {
    #[test]
    fn whatever_an_agent_does_a_run_ends_and_a_walk_is_whole_or_cut(
        faults in faults(), width in 1_u32..12, height in 0_u32..60, gets in 0_u32..30,
    ) {
        let mut agent = Agent { faults, ..Agent::with_table(TABLE, width, height) };
        let mut wanted = columns(width);
        (1..=gets).for_each(|row| wanted.get(oid(&format!("{TABLE}.1.{row}"))));
        let result = run(&mut agent, &wanted);
        for column in 1..=width {
            let came = rows(&result, column);
            // The truth up to the last row but for holes that are said, and all of it if it says so.
            let column_root = oid(&format!("{TABLE}.{column}"));
            let walked = result.column(&column_root).unwrap();
            let last = came.last().copied().unwrap_or(0);
            let known = |row: &u32| came.contains(row) || walked.hole(&[*row]).is_some();
            prop_assert!(came.is_sorted() && last <= height && (1..=last).all(|row| known(&row)), "{:?}", came);
            prop_assert!(end(&result, column).is_err() || came.len() == height as usize);
        }
        for row in 1..=gets {
            let value = result.value(&oid(&format!("{TABLE}.1.{row}")));
            prop_assert!(value.is_err() || (row <= height && value.unwrap().0 == Value::Gauge32(1000 + row)));
        }
    }

    #[test]
    fn rubbish_for_answers_is_survived(
        rubbish in prop::collection::vec(prop::collection::vec((0_u32..4, 0_u32..4, 0_u32..4), 0..6), 0..40),
    ) {
        let mut poll = grafolean_bots::snmp::plan::Poll::new(
            &columns(3), oid(UPTIME), grafolean_bots::snmp::plan::Dialect::Bulk, Limits::default(), PollPolicy::default(),
        );
        let mut answers = rubbish.into_iter();
        while poll.next_request().is_some() {
            let answer = answers.next().ok_or(AskError::Timeout).map(|rows| {
                let varbind = |(a, b, c)| grafolean_bots::snmp::Varbind {
                    oid: oid(&format!("{TABLE}.{a}.{b}.{c}")),
                    value: Ok(Value::Integer(1)),
                };
                rows.into_iter().map(varbind).collect()
            });
            poll.take(answer, grafolean_bots::snmp::Moment::default());
        }
        prop_assert!(poll.into_result().requests < 1_000);
    }
}
