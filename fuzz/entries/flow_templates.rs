//! Templates declared, withdrawn, looked up and expired in any order: the store gives what was declared last for a
//! session, as a plain map of it would.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use grafolean_netflow::{
    Timestamp,
    decode::{Declaration, Definition, Field, Space},
    record::Protocol,
    template::{Scope, Store},
};

/// Each operation takes octets off the front until there are none.
pub fn run(data: &[u8]) {
    let (mut store, mut model) = (Store::default(), HashMap::<(Scope, u16), Definition>::new());
    let mut now = Timestamp::from_seconds(1_700_000_000);
    let mut octets = data.iter().copied();
    while let Some(operation) = octets.next() {
        let mut octet = || octets.next().unwrap_or(0);
        let scope = Scope {
            exporter: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 2000 + u16::from(octet() % 4))),
            protocol: if operation & 0x80 == 0 { Protocol::Netflow9 } else { Protocol::Ipfix },
            domain: u32::from(octet() % 2),
        };
        let id = 256 + u16::from(octet() % 16);
        match operation % 8 {
            0..=2 => {
                let definition = definition(id, &mut octet);
                let is_new = model.insert((scope, id), definition.clone()).as_ref() != Some(&definition);
                let changed = store.declare(scope, Declaration::Define(definition), now);
                assert_eq!(changed, is_new);
            }
            3 => {
                store.declare(scope, Declaration::Withdraw(id), now);
                model.remove(&(scope, id));
            }
            4 => {
                store.declare(scope, Declaration::WithdrawFlows, now);
                model.retain(|(of, _), known| *of != scope || known.scopes.is_some());
            }
            5 => {
                store.declare(scope, Declaration::WithdrawOptions, now);
                model.retain(|(of, _), known| *of != scope || known.scopes.is_none());
            }
            // Far less than a template's lifetime, whatever the length of the input.
            6 => now = now + Duration::from_secs(u64::from(octet() % 4)),
            _ => {
                assert_eq!(store.expire(now), 0);
                look_up(&mut store, &model, &scope, id, now);
            }
        }
        assert_eq!(store.len(), model.len());
    }
}

fn look_up(
    store: &mut Store,
    model: &HashMap<(Scope, u16), Definition>,
    scope: &Scope,
    id: u16,
    now: Timestamp,
) {
    let found = store.find(scope, id, now).map(|template| template.definition.clone());
    match model.get(&(*scope, id)) {
        Some(known) => assert_eq!(found.as_ref(), Some(known)),
        // Another session of the same exporter and domain may hand it on, and nobody else.
        None => {
            assert_eq!(found, None);
            let found = store.find_inherited(scope, id, now, now).map(|template| template.definition.clone());
            let others = model.iter().filter(|((of, known), _)| {
                *known == id && of.protocol == scope.protocol && of.domain == scope.domain
            });
            let others: Vec<_> = others.map(|(_, definition)| definition).collect();
            assert!(found.is_none_or(|found| others.contains(&&found)));
        }
    }
}

fn definition(id: u16, octet: &mut impl FnMut() -> u8) -> Definition {
    let count = octet() % 8 + 1;
    let scopes = match octet() % 3 {
        0 => Some(u16::from(octet() % count)),
        _ => None,
    };
    let fields = (0..count).map(|_| Field {
        space: match octet() % 3 {
            0 => Space::Enterprise(u32::from(octet())),
            1 => Space::Scope,
            _ => Space::Iana,
        },
        element: u16::from(octet()),
        length: match octet() {
            u8::MAX => u16::MAX,
            length => u16::from(length % 32) + 1,
        },
    });
    Definition { id, scopes, fields: fields.collect() }
}
