"""`fetch_job_configs`: the dictionaries that bots get, key by key, and what is raised instead."""

import json
import re

import pytest

from backend import CLOSE, USER_ID, attachment
from question import ask

KINDS = ("entities", "credentials", "sensors")
ODD_DETAILS = {"name": 'ünï "quoted"', "deep": [{"a": [1, 2.5, None, True]}], "big": 2**53 + 1, "zero": 0.0, "": ""}


@pytest.fixture
def rich(backend):
    """Two accounts with all that is odd about entities; gives what a bot of protocol `snmp` has to be told."""
    inventory = backend.inventory
    one, other = inventory.account("Account B"), inventory.account("Account A")
    inventory.account("Empty")
    public = inventory.credential(one, "snmp", {"version": "snmpv2c", "snmpv12_community": "public"})
    odd = inventory.credential(one, "snmp", ODD_DETAILS)
    ping = inventory.credential(one, "ping", {"n_packets": "3"})
    minutely = inventory.sensor(one, "snmp", {"oids": [{"oid": "1.3.6.1", "fetch_method": "walk"}], "expression": "$1"})
    never = inventory.sensor(one, "snmp", ODD_DETAILS, default_interval=None)
    pinged = inventory.sensor(one, "ping")

    uses = {"snmp": attachment(public, minutely, (never, 15), (minutely, 300)), "ping": attachment(ping, pinged)}
    told = [_told(inventory, one, inventory.entity(one, "several", uses))]
    uses = {"snmp": attachment(odd, never, bot=USER_ID)}
    told.append(_told(inventory, one, inventory.entity(one, "ours, no interval", uses, details={})))
    inventory.entity(one, "another bot's", {"snmp": attachment(public, minutely, bot=USER_ID + 1)})
    inventory.entity(one, "no credential", {"snmp": attachment(None, minutely)})
    inventory.entity(one, "no sensors", {"snmp": attachment(public)})
    inventory.entity(one, "another protocol's", {"ping": attachment(ping, pinged)})
    inventory.entity(one, "no protocol")
    device = told[0]["entity_id"]
    of_interface = {"snmp_index": "1", "speed_bps": "10000000"}
    inventory.entity(one, "eth0", {"snmp": attachment(public, minutely)}, of_interface, "interface", device)
    told.append(
        _told(
            inventory,
            one,
            inventory.entity(one, "a child", {"snmp": attachment(public, minutely)}, ODD_DETAILS, "device", device),
        )
    )
    credential, sensor = inventory.credential(other, "snmp"), inventory.sensor(other, "snmp")
    elsewhere = inventory.entity(other, "elsewhere", {"snmp": attachment(credential, (sensor, 10))})
    told.append(_told(inventory, other, elsewhere))
    return told


def _told(inventory, account, entity):
    """Gives what a bot has to be told of an entity, as the contract has it."""
    records = inventory.accounts[account]
    find = {kind: {it["id"]: it for it in records[kind]} for kind in KINDS}
    record = find["entities"][entity]
    attached = record["protocols"]["snmp"]
    sensors = []
    for use in attached["sensors"]:
        sensor = find["sensors"][use["sensor"]]
        interval = use["interval"] if use["interval"] is not None else sensor["default_interval"]
        sensors.append({"sensor_details": sensor["details"], "sensor_id": sensor["id"], "interval": interval})
    return {
        "name": record["name"],
        "entity_type": record["entity_type"],
        "parent": record["parent"],
        "details": record["details"],
        "account_id": account,
        "entity_id": entity,
        "credential_details": find["credentials"][attached["credential"]]["details"],
        "sensors": sensors,
    }


def test_each_entity_that_belongs_to_the_bot_is_told_key_by_key(package, backend, rich, tmp_path):
    answer = ask(package, backend, tmp_path, "job_configs", "snmp")
    assert answer.given == rich, answer.log
    assert json.dumps(answer.given, sort_keys=True) == json.dumps(rich, sort_keys=True), "numbers of the same kind"


def test_configs_are_a_generator(package, backend, rich, tmp_path):
    assert ask(package, backend, tmp_path, "job_configs_are_a_generator", "snmp").given is True


def test_a_protocol_that_nobody_uses_has_no_configs(package, backend, rich, tmp_path):
    assert ask(package, backend, tmp_path, "job_configs", "telepathy").given == []


def test_it_reads_lists_rather_than_one_thing_at_a_time(ours, backend, rich, tmp_path):
    ask(ours, backend, tmp_path, "job_configs", "snmp")
    paths = [request.path for request in backend.requests("GET", "^/accounts")]
    wanted = [f"/accounts/{account}/{kind}" for account in backend.inventory.accounts for kind in KINDS]
    assert sorted(paths) == sorted(["/accounts", *wanted])


@pytest.mark.parametrize(
    "path, words",
    [("/accounts", "Invalid bot token or network error"), (r"/accounts/[0-9]+/entities", "Network error")],
)
def test_a_failure_raises_with_status_and_address(package, backend, rich, tmp_path, path, words):
    backend.rule = lambda method, asked: 503 if re.fullmatch(path, asked) else None
    answer = ask(package, backend, tmp_path, "job_configs", "snmp")
    assert answer.raised == "Exception"
    assert answer.message.startswith(f"{words}, got status 503 "), answer.message
    assert backend.url in answer.message


def test_a_token_that_is_refused_raises_with_status_and_address(package, backend, tmp_path):
    token = "7a7a7a7a-0000-4000-8000-000000000000"
    answer = ask(package, backend, tmp_path, "attributes", BOT_TOKEN=token)
    assert answer.raised == "Exception"
    assert "401" in answer.message
    assert f"{backend.url}/profile" in answer.message
    assert not package.ours or token not in answer.message + answer.log


def test_a_backend_that_hangs_up_raises(package, backend, tmp_path):
    backend.rule = lambda method, path: CLOSE
    answer = ask(package, backend, tmp_path, "attributes")
    # That of the established package is one of `requests`; both are a kind of OSError.
    assert answer.raised == ("BackendUnreachable" if package.ours else "ConnectionError")


def test_the_constructor_asks_who_it_is_and_keeps_what_it_was_given(package, backend, tmp_path):
    given = ask(package, backend, tmp_path, "attributes").given
    assert given == {
        "backend_url": backend.url,
        "bot_token": backend.token,
        "jobs_refresh_interval": 30,
        "user_id": USER_ID,
        "known_jobs": {},
    }
