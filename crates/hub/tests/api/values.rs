//! Values, brought and read.

use std::time::Duration;

use grafolean_collector::{model::Sample, time::Timestamp};
use serde_json::{Value, json};

use crate::world::{START, Who, World};

async fn world() -> (World, Who, String) {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    (world, admin, format!("/accounts/{account}"))
}

/// What a path has, as pairs of time and value.
async fn stored(world: &World, who: &Who, account: &str, path: &str) -> Vec<(f64, f64)> {
    let answer = world.get(&format!("{account}/values/{path}?t1=2000000000"), who).await.expect(200).json();
    let data = answer["paths"][path]["data"].as_array().unwrap().clone();
    data.iter().map(|row| (row["t"].as_f64().unwrap(), row["v"].as_f64().unwrap())).collect()
}

#[tokio::test]
async fn a_bot_brings_values_and_may_not_read_them() {
    let (world, admin, account) = world().await;
    let id = account.rsplit('/').next().unwrap().parse().unwrap();
    let (bot_id, bot) = world.bot(&admin, id, "ping").await;
    let right = json!({"resource_prefix": format!("accounts/{id}/values"), "methods": ["POST", "PUT"]});
    world.post(&format!("{account}/bots/{bot_id}/permissions"), &admin, &right).await.expect(201);
    let put = world
        .put(&format!("{account}/values/"), &bot, &json!([{"p": "a.b", "t": 1_700_000_000, "v": 1}]))
        .await;
    assert_eq!(put.expect(204).body, "");
    world.post(&format!("{account}/values"), &bot, &json!([{"p": "a.b", "v": "2.5"}])).await.expect(204);
    world.get(&format!("{account}/values/a.b"), &bot).await.expect(403);
    let read = world.get(&format!("{account}/values/a.b?t1=1800000001"), &admin).await.expect(200);
    assert_eq!(
        read.body,
        r#"{"paths":{"a.b":{"next_data_point":null,"data":[{"t":1700000000.0,"v":1.0},{"t":1800000000.0,"v":2.5}]}}}"#
    );
}

#[tokio::test]
async fn a_single_value_may_stand_in_the_query() {
    let (world, admin, account) = world().await;
    let values = format!("{account}/values");
    for body in [Some("null"), Some("[]"), Some(" "), None] {
        world.clock.pass(Duration::from_secs(1));
        let body = body.map(str::to_owned);
        world.ask("POST", &format!("{values}?p=t.q&v=5"), &admin, body).await.expect(204);
    }
    assert_eq!(stored(&world, &admin, &account, "t.q").await.len(), 4);
    let list = Some(r#"[{"p":"a","v":1}]"#.to_owned());
    let both = world.ask("POST", &format!("{values}?p=t.q&v=5"), &admin, list).await.expect(400);
    assert!(both.body.contains("not in both"), "{both:?}");
    let timed = world.ask("POST", &format!("{values}?p=t.q&v=5&t=123"), &admin, Some("[]".to_owned())).await;
    assert_eq!(timed.expect(400).json()["detail"], "Query parameter 't' shouldn't be specified with POST");
    world.ask("POST", &format!("{values}?p=t.q"), &admin, None).await.expect(400);
    world.ask("POST", &format!("{values}?p=t.q&v=abc"), &admin, None).await.expect(400);
}

#[tokio::test]
async fn nothing_to_post_is_an_error_and_nothing_to_put_is_none() {
    let (world, admin, account) = world().await;
    let values = format!("{account}/values");
    for nothing in [json!([]), json!(null)] {
        let answer = world.post(&values, &admin, &nothing).await.expect(400);
        assert_eq!(answer.json(), json!({"detail": "Missing data"}));
    }
    world.put(&values, &admin, &json!([])).await.expect(204);
}

#[tokio::test]
async fn a_request_is_stored_whole_or_not_at_all() {
    let (world, admin, account) = world().await;
    let values = format!("{account}/values");
    let mut rows: Vec<Value> = (0..150).map(|i| json!({"p": format!("t.pg{i}"), "t": 1, "v": i})).collect();
    rows[149]["v"] = json!("abc");
    let refused = world.put(&values, &admin, &json!(rows)).await.expect(400);
    assert!(refused.body.starts_with("Input validation failed: value 150: a value v is"), "{refused:?}");
    world.get(&format!("{values}/t.pg0"), &admin).await.expect(404);
    rows[149]["v"] = json!("1");
    world.put(&values, &admin, &json!(rows)).await.expect(204);
    assert_eq!(stored(&world, &admin, &account, "t.pg149").await, [(1.0, 1.0)]);
}

#[tokio::test]
async fn what_is_wrong_is_a_400_with_the_reason_and_never_a_500() {
    let (world, admin, account) = world().await;
    let values = format!("{account}/values");
    for (body, reason) in [
        (r#"{"p":"a","v":1}"#, "expected a list of values"),
        (r#"[["a",1]]"#, "expected an object"),
        (r#"[{"p":"#, "EOF"),
        (r#"[{"p":"a","v":NaN}]"#, "line 1 column"),
        (r#"[{"p":"a","v":1e999}]"#, "number out of range"),
        (r#"[{"p":"a","v":true}]"#, "not true"),
        (r#"[{"p":"a"}]"#, "not missing"),
        (r#"[{"p":"a\n","v":1}]"#, "character 2"),
        (r#"[{"p":"system.x","v":1}]"#, "system."),
        (r#"[{"p":5,"v":1}]"#, "a path p is a text"),
        (r#"[{"p":"a","v":1},{"p":"a","v":2}]"#, "two values at the time"),
        ("\u{1f600}", "expected value"),
    ] {
        let answer = world.ask("POST", &values, &admin, Some(body.to_owned())).await.expect(400);
        assert!(answer.body.contains(reason), "{body}: {answer:?}");
    }
    for query in ["t0=abc", "t1=1800000000000", "sort=up", "limit=-1", "limit=x", "t0=1,2"] {
        world.get(&format!("{values}/a?{query}"), &admin).await.expect(400);
    }
    world.get(&format!("{values}/a%20b"), &admin).await.expect(400);
    world.get("/accounts/abc/values/a", &admin).await.expect(422);
    world.post("/accounts/abc/values", &admin, &json!([{"p": "a", "v": 1}])).await.expect(422);
    let unknown = world.post("/accounts/1/values", &admin, &json!([{"p": "a", "v": 1}])).await.expect(400);
    assert_eq!(unknown.json(), json!({"detail": "Invalid input format"}));
}

#[tokio::test]
async fn a_value_at_the_same_time_replaces_the_one_before() {
    let (world, admin, account) = world().await;
    for value in [1, 2] {
        let row = json!([{"p": "a", "t": 1_700_000_000, "v": value}]);
        world.put(&format!("{account}/values"), &admin, &row).await.expect(204);
    }
    assert_eq!(stored(&world, &admin, &account, "a").await, [(1_700_000_000.0, 2.0)]);
    let world = world.restarted();
    assert_eq!(stored(&world, &admin, &account, "a").await, [(1_700_000_000.0, 2.0)]);
}

#[tokio::test]
async fn a_window_has_its_beginning_and_not_its_end_and_tells_where_to_go_on() {
    let (world, admin, account) = world().await;
    let rows: Vec<_> = (0..10).map(|i| json!({"p": "a", "t": 1_700_000_000 + i, "v": i})).collect();
    world.put(&format!("{account}/values"), &admin, &json!(rows)).await.expect(204);
    let read = async |query: &str| {
        let answer = world.get(&format!("{account}/values/a?{query}"), &admin).await.expect(200).json();
        let path = &answer["paths"]["a"];
        let values: Vec<_> =
            path["data"].as_array().unwrap().iter().map(|row| row["v"].as_f64().unwrap()).collect();
        (values, path["next_data_point"].as_f64())
    };
    assert_eq!(read("t0=1700000003&t1=1700000006").await, (vec![3.0, 4.0, 5.0], None));
    assert_eq!(read("limit=2").await, (vec![0.0, 1.0], Some(1_700_000_002.0)));
    assert_eq!(read("limit=2&sort=desc").await, (vec![9.0, 8.0], Some(1_700_000_007.0)));
    // Values of the future are read by those who ask for them.
    let future = json!([{"p": "a", "t": 1_900_000_000, "v": 1}]);
    world.put(&format!("{account}/values"), &admin, &future).await.expect(204);
    assert_eq!(read("").await.0.len(), 10);
    assert_eq!(read("t1=2000000000").await.0.len(), 11);
}

#[tokio::test]
async fn several_paths_are_read_at_once_each_from_its_own_time() {
    let (world, admin, account) = world().await;
    let rows = json!([
        {"p": "a", "t": 10, "v": 1}, {"p": "a", "t": 20, "v": 2}, {"p": "b", "t": 10, "v": 3}, {"p": "b", "t": 20, "v": 4}
    ]);
    world.put(&format!("{account}/values"), &admin, &rows).await.expect(204);
    let asked = json!({"p": "a,b,nothing", "t0": "20,10,0", "t1": 100, "limit": "5", "sort": "desc"});
    let answer = world.post(&format!("{account}/getvalues"), &admin, &asked).await.expect(200).json();
    assert_eq!(
        answer,
        json!({"paths": {
            "a": {"next_data_point": null, "data": [{"t": 20.0, "v": 2.0}]},
            "b": {"next_data_point": null, "data": [{"t": 20.0, "v": 4.0}, {"t": 10.0, "v": 3.0}]},
            "nothing": {"next_data_point": null, "data": []},
        }})
    );
}

#[tokio::test]
async fn means_come_by_buckets_of_hours() {
    let (world, admin, account) = world().await;
    let rows =
        json!([{"p": "a", "t": 3600, "v": 1}, {"p": "a", "t": 5400, "v": 4}, {"p": "a", "t": 7200, "v": 7}]);
    world.put(&format!("{account}/values"), &admin, &rows).await.expect(204);
    let read = async |level: Value| {
        let asked = json!({"p": "a", "a": level});
        world.post(&format!("{account}/getaggrvalues"), &admin, &asked).await
    };
    assert_eq!(
        read(json!(0)).await.expect(200).json()["paths"]["a"]["data"],
        json!([{"t": 5400.0, "v": 2.5, "minv": 1.0, "maxv": 4.0}, {"t": 9000.0, "v": 7.0, "minv": 7.0, "maxv": 7.0}])
    );
    assert_eq!(
        read(json!("1")).await.expect(200).json()["paths"]["a"]["data"],
        json!([{"t": 5400.0, "v": 4.0, "minv": 1.0, "maxv": 7.0}])
    );
    for refused in [json!(7), json!(-1), json!("no"), json!(null)] {
        read(refused).await.expect(400);
    }
}

#[tokio::test]
async fn the_highest_values_are_those_of_the_newest_moment() {
    let (world, admin, account) = world().await;
    let rows = json!([
        {"p": "top.a", "t": 100, "v": 5}, {"p": "top.b", "t": 100, "v": 7}, {"p": "top.c", "t": 100, "v": 6},
        {"p": "top.a", "t": 200, "v": 1}, {"p": "other", "t": 300, "v": 9}
    ]);
    world.put(&format!("{account}/values"), &admin, &rows).await.expect(204);
    let top = async |query: &str| {
        world.get(&format!("{account}/topvalues?{query}"), &admin).await.expect(200).json()
    };
    assert_eq!(
        top("f=top.*&n=2&t=150").await,
        json!({"t": 100.0, "total": 18.0, "list": [{"p": "top.b", "v": 7.0}, {"p": "top.c", "v": 6.0}]})
    );
    assert_eq!(top("f=top.*").await, json!({"t": 200.0, "total": 1.0, "list": [{"p": "top.a", "v": 1.0}]}));
    assert_eq!(top("f=top.*&t=99").await, json!({"t": 99.0, "total": 0.0, "list": []}));
    assert_eq!(top("f=none.*").await, json!({"t": START.as_seconds_f64(), "total": 0.0, "list": []}));
    world.get(&format!("{account}/topvalues"), &admin).await.expect(400);
}

#[tokio::test]
async fn last_values_are_the_newest_of_each_path() {
    let (world, admin, account) = world().await;
    let rows =
        json!([{"p": "b", "t": 100, "v": 5}, {"p": "a.x", "t": 200, "v": 7}, {"p": "a.x", "t": 150, "v": 6}]);
    world.put(&format!("{account}/values"), &admin, &rows).await.expect(204);
    let read = async |query: &str| {
        world.get(&format!("{account}/lastvalues{query}"), &admin).await.expect(200).json()
    };
    assert_eq!(
        read("").await,
        json!({"now": START.as_seconds_f64(), "limit_reached": false,
            "list": [{"p": "a.x", "t": 200.0, "v": 7.0}, {"p": "b", "t": 100.0, "v": 5.0}]})
    );
    assert_eq!(read("?filter=b&limit=5").await["list"], json!([{"p": "b", "t": 100.0, "v": 5.0}]));
    assert_eq!(read("?limit=1").await["limit_reached"], true);
    assert_eq!(read("?since=150").await["list"], json!([{"p": "a.x", "t": 200.0, "v": 7.0}]));
    assert_eq!(read("?since=200.000001").await["list"], json!([]));
    world.get(&format!("{account}/lastvalues?since=yesterday"), &admin).await.expect(400);
}

#[tokio::test]
async fn paths_are_found_by_filters_renamed_and_deleted() {
    let (world, admin, account) = world().await;
    let rows =
        json!([{"p": "a.b.c", "t": 1, "v": 5}, {"p": "a.bc", "t": 1, "v": 7}, {"p": "d", "t": 1, "v": 6}]);
    world.put(&format!("{account}/values"), &admin, &rows).await.expect(204);
    let found =
        async |query: &str| world.get(&format!("{account}/paths?{query}"), &admin).await.expect(200).json();
    let names = |answer: &Value, key: &str, filter: &str| -> Vec<String> {
        let rows = answer[key][filter].as_array().unwrap().iter();
        rows.map(|row| row["path"].as_str().unwrap().to_owned()).collect()
    };
    let answer = found("filter=a.*,d").await;
    assert_eq!(names(&answer, "paths", "a.*"), ["a.b.c", "a.bc"]);
    assert_eq!(names(&answer, "paths", "d"), ["d"]);
    assert_eq!(answer["limit_reached"], false);
    assert_eq!(found("filter=a.*&limit=1").await["limit_reached"], true);
    let trailing = found("filter=a.b&failover_trailing=true").await;
    assert_eq!(trailing["paths"], json!({}));
    assert_eq!(names(&trailing, "paths_with_trailing", "a.b"), ["a.b.c", "a.bc"]);
    assert_eq!(
        names(&found("filter=a.&failover_trailing=true").await, "paths_with_trailing", "a."),
        ["a.b.c", "a.bc"]
    );
    world.get(&format!("{account}/paths?filter=a."), &admin).await.expect(400);
    world.get(&format!("{account}/paths"), &admin).await.expect(400);

    let id = answer["paths"]["d"][0]["id"].as_i64().unwrap();
    let one = format!("{account}/paths/{id}");
    assert_eq!(world.get(&one, &admin).await.expect(200).json(), json!({"id": id, "path": "d"}));
    world.put(&one, &admin, &json!({"path": "a.bc"})).await.expect(400);
    world.put(&one, &admin, &json!({"path": "e f"})).await.expect(400);
    world.put(&one, &admin, &json!({"path": "e"})).await.expect(204);
    assert_eq!(stored(&world, &admin, &account, "e").await, [(1.0, 6.0)]);
    world.delete(&one, &admin).await.expect(204);
    world.delete(&one, &admin).await.expect(404);
    world.get(&one, &admin).await.expect(404);
    world.get(&format!("{account}/values/e"), &admin).await.expect(404);
}

#[tokio::test]
async fn a_path_of_another_account_is_out_of_reach() {
    let (world, admin, account) = world().await;
    let other = format!("/accounts/{}", world.account(&admin, "B").await);
    world.put(&format!("{account}/values"), &admin, &json!([{"p": "a", "t": 1, "v": 5}])).await.expect(204);
    let found = world.get(&format!("{account}/paths?filter=a"), &admin).await.json();
    let id = found["paths"]["a"][0]["id"].as_i64().unwrap();
    world.get(&format!("{other}/paths/{id}"), &admin).await.expect(404);
    world.delete(&format!("{other}/paths/{id}"), &admin).await.expect(404);
    world.get(&format!("{other}/values/a"), &admin).await.expect(404);
    assert_eq!(stored(&world, &admin, &account, "a").await.len(), 1);
}

#[tokio::test]
async fn an_escaped_dot_is_found_as_it_is_written_and_escaped_once_more() {
    let (world, admin, account) = world().await;
    world
        .put(&format!("{account}/values"), &admin, &json!([{"p": "a%2eb", "t": 1, "v": 5}]))
        .await
        .expect(204);
    for written in ["a%2eb", "a%252eb"] {
        let answer = world.get(&format!("{account}/values/{written}"), &admin).await.expect(200).json();
        assert_eq!(answer["paths"]["a%2eb"]["data"], json!([{"t": 1.0, "v": 5.0}]));
    }
}

#[tokio::test]
async fn fifty_thousand_values_fit_into_one_request() {
    let (world, admin, account) = world().await;
    let rows: Vec<_> =
        (0..50_000).map(|i| json!({"p": format!("t.{}", i % 500), "t": i / 500, "v": i})).collect();
    world.put(&format!("{account}/values"), &admin, &json!(rows)).await.expect(204);
    assert_eq!(stored(&world, &admin, &account, "t.499").await.len(), 100);
}

#[tokio::test]
async fn what_was_stored_is_counted_for_those_who_may_look() {
    let (world, admin, account) = world().await;
    let rows: Vec<_> = (0..5).map(|i| json!({"p": "a", "t": i, "v": i})).collect();
    world.put(&format!("{account}/values"), &admin, &json!(rows)).await.expect(204);
    let told = world.get("/metrics", &admin).await.expect(200).body;
    for line in [
        "grafolean_hub_stored_values_total 5",
        "grafolean_hub_stored_requests_total 1",
        "grafolean_hub_recent_bytes ",
    ] {
        assert!(told.lines().any(|told| told.starts_with(line)), "{told}");
    }
    let id = account.rsplit('/').next().unwrap().parse().unwrap();
    let (_, bot) = world.bot(&admin, id, "ping").await;
    world.get("/metrics", &bot).await.expect(403);
}

/// Both ways: written by the client, taken and written by the hub, read by the client.
#[tokio::test]
async fn every_number_comes_back_to_the_last_bit() {
    let (world, admin, account) = world().await;
    let mut bits: Vec<u64> = (0..3_000).map(|_| rand::random()).collect();
    let hard = [
        1.4915548763416637,
        2.225073858507201e-308,
        5e-324,
        f64::MAX,
        f64::MIN,
        -0.0,
        0.1 + 0.2,
        9007199254740993.0,
    ];
    bits.extend(hard.map(f64::to_bits));
    bits.retain(|&bits| f64::from_bits(bits).is_finite());
    let sample = |(i, &bits): (usize, &u64)| {
        let due = Timestamp::from_seconds(1_000_000 + i64::try_from(i).unwrap());
        Sample::checked("a.b", due, f64::from_bits(bits)).unwrap()
    };
    let sent: Vec<Sample> = bits.iter().enumerate().map(sample).collect();
    let body = serde_json::to_string(&sent).unwrap();
    let read = async |world: &World| -> Vec<u64> {
        stored(world, &admin, &account, "a.b").await.into_iter().map(|(_, value)| value.to_bits()).collect()
    };
    world.ask("PUT", &format!("{account}/values"), &admin, Some(body)).await.expect(204);
    assert_eq!(read(&world).await, bits);
    world.hub.points().seal().await.unwrap();
    assert_eq!(read(&world).await, bits, "out of blocks");
    let last = world.get(&format!("{account}/lastvalues"), &admin).await.expect(200).list();
    assert_eq!(last[0]["v"].as_f64().unwrap().to_bits(), *bits.last().unwrap());
}
