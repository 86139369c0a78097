//! Asked of Debian's snmpd, an agent that others wrote.

use crate::peer::{AUTH, AUTH_KEY, PRIV, PRIV_KEY, Snmpd};
use grafolean_bots::snmp::{
    AskError, Oid, Request, Value,
    engine::{Engine, Session, SnmpMetrics},
    plan::{Dialect, Limits, Poll, Wanted},
    settings::{Access, PollPolicy},
};
use serde_json::json;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

fn access(details: serde_json::Value) -> Access {
    Access::read(details.as_object().unwrap()).unwrap()
}

fn community(version: &str, community: &str) -> Access {
    access(json!({"version": version, "snmpv12_community": community}))
}

fn user(name: &str, auth: Option<(&str, &str)>, privacy: Option<(&str, &str)>) -> Access {
    let level = match (auth, privacy) {
        (None, _) => "noAuthNoPriv",
        (_, None) => "authNoPriv",
        _ => "authPriv",
    };
    let (auth, privacy) = (auth.unwrap_or_default(), privacy.unwrap_or_default());
    access(json!({
        "version": "snmpv3", "snmpv3_securityName": name, "snmpv3_securityLevel": level,
        "snmpv3_authProtocol": auth.0, "snmpv3_authKey": auth.1,
        "snmpv3_privProtocol": privacy.0, "snmpv3_privKey": privacy.1,
    }))
}

fn engine() -> Engine {
    Engine::start(SnmpMetrics::default()).unwrap()
}

async fn session(engine: &Engine, agent: &Snmpd, access: &Access) -> Session {
    let policy =
        PollPolicy { timeout: std::time::Duration::from_millis(700), retries: 1, ..PollPolicy::default() };
    let (address, access) = (agent.address, access.clone());
    engine.session(address, &access, policy).await.unwrap()
}

async fn name(engine: &Engine, session: &Session) -> Result<String, AskError> {
    let session = session.clone();
    let asked = async move { session.ask(&Request::Get(vec![oid("1.3.6.1.2.1.1.5.0")])).await };
    let (varbinds, _) = engine.on_its_thread(asked).await.unwrap()?;
    Ok(varbinds[0].value.as_ref().unwrap().text().into_owned())
}

async fn explain(engine: &Engine, session: &Session) -> AskError {
    let session = session.clone();
    engine.on_its_thread(async move { session.explain_silence().await }).await.unwrap()
}

#[tokio::test]
async fn every_version_and_every_kind_of_user_gets_in() {
    let Some(agent) = Snmpd::start() else { return };
    let engine = engine();
    let mut ways =
        vec![community("snmpv1", "public"), community("snmpv2c", "public"), user("open", None, None)];
    for (auth, _) in AUTH {
        ways.push(user(auth, Some((auth, AUTH_KEY)), None));
        ways.extend(PRIV.map(|(privacy, _)| {
            user(&format!("{auth}-{privacy}"), Some((auth, AUTH_KEY)), Some((privacy, PRIV_KEY)))
        }));
    }
    assert_eq!(ways.len(), 33);
    for way in ways {
        let session = session(&engine, &agent, &way).await;
        assert_eq!(name(&engine, &session).await.as_deref(), Ok("peer"), "{way:?}");
    }
}

#[tokio::test]
async fn each_way_of_not_getting_in_has_its_name() {
    let Some(agent) = Snmpd::start() else { return };
    let engine = engine();
    let right = Some(("SHA", AUTH_KEY));
    for (way, why) in [
        (user("nobody", right, None), AskError::UnknownUser),
        (user("nobody", None, None), AskError::UnknownUser),
        (user("SHA", Some(("SHA", "wrongpass12")), None), AskError::WrongDigest),
        (user("SHA", Some(("SHA256", AUTH_KEY)), None), AskError::WrongDigest),
        (user("SHA-AES", right, Some(("AES", "wrongpass12"))), AskError::Decryption),
        (user("SHA-AES", right, Some(("DES", PRIV_KEY))), AskError::Decryption),
        (user("open", right, None), AskError::UnsupportedLevel),
    ] {
        let session = session(&engine, &agent, &way).await;
        let said = match name(&engine, &session).await {
            Err(AskError::Timeout) => explain(&engine, &session).await,
            said => said.unwrap_err(),
        };
        assert_eq!(said, why, "{way:?}");
    }
}

#[tokio::test]
async fn silence_is_explained() {
    let Some(mut agent) = Snmpd::start() else { return };
    let engine = engine();
    let wrong = session(&engine, &agent, &community("snmpv2c", "wrong")).await;
    assert_eq!(name(&engine, &wrong).await, Err(AskError::Timeout));
    assert_eq!(explain(&engine, &wrong).await, AskError::Community);
    agent.stop();
    assert_eq!(explain(&engine, &wrong).await, AskError::PortClosed);
}

#[tokio::test]
async fn an_agent_that_started_anew_or_was_replaced_is_asked_on() {
    let Some(mut agent) = Snmpd::start() else { return };
    let engine = engine();
    let way = user("SHA-AES", Some(("SHA", AUTH_KEY)), Some(("AES", PRIV_KEY)));
    let session = session(&engine, &agent, &way).await;
    assert_eq!(name(&engine, &session).await.as_deref(), Ok("peer"));
    let boots = session.boots();
    agent.restart();
    assert_eq!(name(&engine, &session).await.as_deref(), Ok("peer"));
    assert_eq!(session.boots(), boots.map(|boots| boots + 1));
    agent.replace();
    assert_eq!(name(&engine, &session).await.as_deref(), Ok("peer"));
}

#[tokio::test]
async fn a_walk_is_what_an_established_walk_is() {
    let Some(agent) = Snmpd::start() else { return };
    let engine = engine();
    let roots = [
        "1.3.6.1.2.1.2.2.1.2",
        "1.3.6.1.2.1.2.2.1.3",
        "1.3.6.1.2.1.2.2.1.5",
        "1.3.6.1.6.3.10.2.1",
        "1.3.6.1.2.1.1.9.1.3",
    ];
    for (way, dialect) in
        [(community("snmpv1", "public"), Dialect::Next), (community("snmpv2c", "public"), Dialect::Bulk)]
    {
        let session = session(&engine, &agent, &way).await;
        let mut wanted = Wanted::default();
        roots.iter().for_each(|root| wanted.walk(oid(root)));
        let mut poll =
            Poll::new(&wanted, oid("1.3.6.1.2.1.1.3.0"), dialect, Limits::default(), PollPolicy::default());
        let result = engine
            .on_its_thread(async move {
                while let Some(request) = poll.next_request() {
                    let (answer, at) = match session.ask(&request).await {
                        Ok((varbinds, at)) => (Ok(varbinds), at),
                        Err(error) => (Err(error), grafolean_bots::snmp::Moment::default()),
                    };
                    poll.take(answer, at);
                }
                poll.into_result()
            })
            .await
            .unwrap();
        for root in &roots[..3] {
            let column = result.column(&oid(root)).unwrap();
            assert_eq!(column.end, Ok(()));
            let ours: Vec<_> = column
                .rows
                .iter()
                .map(|row| {
                    let index: Vec<_> = row.index.iter().map(ToString::to_string).collect();
                    (format!("{root}.{}", index.join(".")), row.value.text().into_owned())
                })
                .collect();
            assert_eq!(ours, agent.snmpbulkwalk(root), "{root}");
            assert!(!ours.is_empty());
        }
        let uptime = result.value(&oid("1.3.6.1.2.1.1.3.0")).unwrap();
        assert!(matches!(uptime.0, Value::TimeTicks(_)));
    }
}
