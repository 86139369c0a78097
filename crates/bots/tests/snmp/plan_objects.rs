//! The poll planner asks for single objects: what is answered in part, left out or met by silence costs itself alone.

use grafolean_bots::snmp::{
    Oid, Request, Value,
    plan::{Limits, Missing, Wanted},
    settings::PollPolicy,
};

use crate::{
    agent::{Agent, AgentFault, UPTIME, oid, poll},
    plan::{TABLE, columns, rows, run},
};

fn objects(agent: &mut Agent, number: i32) -> Wanted {
    let mut wanted = Wanted::default();
    for number in 1..=number {
        let object = oid(&format!("1.3.6.1.4.1.99999.{number}.0"));
        agent.objects.insert(object.clone(), Value::Integer(number));
        wanted.get(object);
    }
    wanted
}

#[test]
fn a_get_that_is_answered_in_part_is_asked_for_the_rest_and_what_fits_is_remembered() {
    for cut in [1, 5, 7, 20] {
        let mut agent = Agent::with_table(TABLE, 1, 1);
        let wanted = objects(&mut agent, 20);
        agent.faults.cut_above = Some(cut);
        let result = run(&mut agent, &wanted);
        assert_eq!(result.missing().count(), 0, "cut to {cut}");
        assert_eq!(agent.requests.len(), 21_usize.div_ceil(cut), "cut to {cut}");
        agent.requests.clear();
        let again = poll(&mut agent, &wanted, result.limits, PollPolicy::default());
        assert_eq!(again.missing().count(), 0);
        assert!(agent.requests.iter().all(|request| request.most_varbinds() <= cut), "{:?}", agent.requests);
    }
}

#[test]
fn an_object_that_is_left_out_costs_itself_and_no_packet_gets_smaller() {
    let mut agent = Agent::with_table(TABLE, 1, 1);
    let mut wanted = objects(&mut agent, 20);
    let unknown = ["1.3.6.1.4.1.99999.7.1", "1.3.6.1.4.1.99999.99.0"].map(oid);
    unknown.iter().for_each(|oid| wanted.get(oid.clone()));
    agent.faults.leaves_out_unknown = true;
    let result = run(&mut agent, &wanted);
    let mut missing: Vec<_> = result.missing().map(|(oid, why)| (oid.clone(), why.clone())).collect();
    missing.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(missing, unknown.map(|oid| (oid, Missing::LeftOut)));
    assert_eq!(result.limits.oids(&PollPolicy::default()), Limits::default().oids(&PollPolicy::default()));
}

#[test]
fn an_object_that_is_met_by_silence_is_found_and_asked_for_rarely() {
    let mut agent = Agent::with_table(TABLE, 2, 8);
    let mut wanted = objects(&mut agent, 20);
    wanted.walk(oid(&format!("{TABLE}.2")));
    let unknown = oid("1.3.6.1.4.1.99999.7.1");
    wanted.get(unknown.clone());
    agent.faults.silent_to_unknown = true;
    let mut limits = Limits::default();
    let mut asked_in = Vec::new();
    for number in 1..=40 {
        agent.requests.clear();
        let result = poll(&mut agent, &wanted, limits, PollPolicy::default());
        let missing: Vec<_> = result.missing().collect();
        assert!(matches!(missing[..], [(oid, _)] if *oid == unknown), "run {number}: {missing:?}");
        assert_eq!(rows(&result, 2).len(), 8);
        assert_eq!(result.limits.oids(&PollPolicy::default()), 24, "it was not too much");
        let is_asked = |request: &Request| matches!(request, Request::Get(oids) if oids.contains(&unknown));
        if agent.requests.iter().any(is_asked) {
            asked_in.push(number);
            assert!(number == 1 || result.timeouts == 1, "run {number}: {} timeouts", result.timeouts);
        } else {
            assert_eq!((result.timeouts, missing[0].1), (0, &Missing::Unanswered));
        }
        limits = result.limits;
        assert_eq!(limits.unanswered().collect::<Vec<_>>(), [&unknown]);
    }
    assert_eq!(asked_in, [1, 2, 4, 8, 16, 32]);
    // It comes to be answered.
    agent.objects.insert(unknown, Value::Integer(7));
    for _ in 0..40 {
        limits = poll(&mut agent, &wanted, limits, PollPolicy::default()).limits;
    }
    assert_eq!(limits.unanswered().count(), 0);
    assert_eq!(poll(&mut agent, &wanted, limits, PollPolicy::default()).missing().count(), 0);
}

#[test]
fn many_objects_that_are_met_by_silence_are_all_found_in_few_runs() {
    let mut agent = Agent::with_table(TABLE, 1, 1);
    let mut wanted = objects(&mut agent, 20);
    let unknown: Vec<Oid> =
        [2, 5, 9, 14, 19].map(|number| oid(&format!("1.3.6.1.4.1.99999.{number}.1"))).to_vec();
    unknown.iter().for_each(|oid| wanted.get(oid.clone()));
    agent.faults.silent_to_unknown = true;
    let first = run(&mut agent, &wanted);
    let second = poll(&mut agent, &wanted, first.limits, PollPolicy::default());
    let mut missing: Vec<_> = second.missing().map(|(oid, _)| oid.clone()).collect();
    missing.sort();
    assert_eq!(missing, unknown, "all others came");
    assert_eq!(second.limits.unanswered().cloned().collect::<Vec<_>>(), unknown);
}

#[test]
fn an_agent_that_is_silent_to_its_uptime_is_measured_all_the_same() {
    for walks in [false, true] {
        let mut agent = Agent::with_table(TABLE, 1, 8);
        agent.objects.remove(&oid(UPTIME));
        agent.faults.silent_to_unknown = true;
        let wanted = if walks { columns(1) } else { objects(&mut agent, 2) };
        let result = run(&mut agent, &wanted);
        let missing: Vec<_> = result.missing().map(|(oid, _)| oid.to_string()).collect();
        assert_eq!((result.heard, missing), (true, vec![UPTIME.to_owned()]));
        agent.requests.clear();
        let again = poll(&mut agent, &wanted, result.limits, PollPolicy::default());
        assert!(again.timeouts <= 1 && again.heard, "{} timeouts", again.timeouts);
    }
}

#[test]
fn a_first_loss_of_one_object_costs_one_run_at_most() {
    let mut agent = Agent::with_table(TABLE, 1, 1);
    let wanted = objects(&mut agent, 1);
    let object = oid("1.3.6.1.4.1.99999.1.0");
    agent.faults.stumbles = AgentFault::Silent;
    agent.broken.push(object.clone());
    let lost = run(&mut agent, &wanted);
    assert!(lost.value(&object).is_err());
    agent.broken.clear();
    let next = poll(&mut agent, &wanted, lost.limits, PollPolicy::default());
    assert_eq!(next.missing().count(), 0);
    assert_eq!(next.limits.unanswered().count(), 0);
}

#[test]
fn a_device_that_was_silent_is_asked_one_thing_until_it_answers() {
    let mut agent = Agent::with_table(TABLE, 2, 8);
    let wanted = objects(&mut agent, 20);
    let limits = run(&mut agent, &wanted).limits;
    let probe = |agent: &mut Agent| {
        agent.requests.clear();
        let dialect = grafolean_bots::snmp::plan::Dialect::Bulk;
        let poll = grafolean_bots::snmp::plan::Poll::new(
            &wanted,
            oid(UPTIME),
            dialect,
            limits.clone(),
            PollPolicy::default(),
        );
        let mut poll = poll.after_a_probe();
        while let Some(request) = poll.next_request() {
            let answer = agent.answer(&request);
            poll.take(answer, grafolean_bots::snmp::Moment::default());
        }
        poll.into_result()
    };
    agent.faults.silent_from = Some(1);
    let silent = probe(&mut agent);
    assert_eq!((silent.heard, agent.requests.len()), (false, 1));
    assert_eq!(agent.requests[0], Request::Get(vec![oid(UPTIME)]));
    agent.faults.silent_from = None;
    let back = probe(&mut agent);
    assert_eq!((back.heard, back.missing().count(), agent.requests.len()), (true, 0, 2));
}
