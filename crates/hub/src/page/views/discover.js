// Networks scanned for devices: only what is named is asked, what is found can be added, nothing is changed by itself.

import { get, post, put, remove } from "../api.js";
import { api, credentials, lookAtDevices, now, ours, reload, sensors } from "../state.js";
import { html, signal, useEffect, useSignal } from "../ui.js";
import { age, byName, count, moment } from "../numbers.js";
import { query, setQuery } from "../router.js";
import { Empty, Note, icon } from "../icons.js";
import { Head } from "../shell.js";
import { Step } from "../parts/step.js";
import { Table } from "../parts/table.js";
import { say } from "../parts/dialog.js";
import { Links, Suggestions } from "../parts/discovered.js";

const LOOK_MS = 1_000;
const REST_MS = 10_000;

/** What the hub says of the account's scans; null before it said anything. */
const state = signal(null);
const look = async () => (state.value = await get(ours("discovery")).catch((error) => ({ refused: error.message, running: null, last: null })));

/** Networks as they are typed; null before anything was. */
const typed = signal(null);

const whole = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
const addressesOf = (number) => (number === 1 ? "1 address" : `${whole(number)} addresses`);
const snmp = () => [...credentials.value.values()].filter(({ protocol }) => protocol === "snmp").sort(byName);

export function Discover() {
  useEffect(() => {
    typed.value = null;
    let timer = 0;
    const again = async () => {
      await look();
      timer = setTimeout(again, state.value?.running ? LOOK_MS : REST_MS);
    };
    again();
    return () => clearTimeout(timer);
  }, []);
  const { running, last, order, refused } = state.value ?? {};
  return html`<${Head} title="Discover" more=${last && !running ? `last scan ${age(now.value - last.ended)} ago` : ""} />
    <main class="page" id="main">
      ${refused && html`<${Note} kind="bad">${refused}.<//>`}
      ${running ? html`<${Running} running=${running} />` : html`<${Ask} order=${order} />`}
      ${last && html`<${Found} last=${last} order=${order} />`}
      ${!last && !running && html`<section class="card"><${Empty} sign="search" title="Nothing scanned yet">Name a network above: it is pinged, and asked over SNMP by
        the credentials that you choose. No other address is asked.<//></section>`}
    </main>`;
}

function Running({ running }) {
  const { asked, answered, read, addresses, began } = running;
  const share = addresses ? asked / addresses : 0;
  const stop = () => remove(ours("discovery")).catch(() => {}).then(look);
  const left = share > 0.02 ? ((now.value - began) * (1 - share)) / share : null;
  return html`<section class="card" aria-labelledby="scan"><header class="ruled"><h2 id="scan">Scanning</h2><span class="grow"></span>
    <button type="button" class="btn" onClick=${stop}>Stop</button></header>
    <div class="body stack"><progress class="scan" max=${addresses} value=${asked} aria-label="Addresses asked"></progress>
      <p role="status">${whole(asked)} of ${addressesOf(addresses)} asked, ${answered} answer${read > 0 && `, ${read} read`}${left > 2 && `, about ${age(left)} left`}.</p></div></section>`;
}

/** What is to be scanned; says how much would be asked before anything is. */
function Ask({ order }) {
  const chosen = useSignal(null),
    every = useSignal(null),
    port = useSignal(null),
    plan = useSignal(null);
  const networks = typed.value ?? query.value.get("net") ?? order?.networks.join(", ") ?? "";
  const ways = chosen.value ?? (order ? order.credentials : snmp().map(({ id }) => id));
  const hours = every.value ?? order?.every_hours ?? "";
  const agents = port.value ?? order?.snmp_port ?? 161;
  const body = (confirmed) => ({
    networks: networks.split(/[\s,]+/).filter(Boolean),
    credentials: ways.filter((id) => credentials.value.has(id)),
    snmp_port: Number(agents),
    every_hours: hours === "" ? null : Number(hours),
    confirmed,
  });
  const ask = async () => {
    setQuery({ net: networks });
    plan.value = null;
    plan.value = await post(ours("discovery"), body(false));
  };
  const begin = async () => {
    await post(ours("discovery"), body(true));
    plan.value = null;
    await look();
  };
  const choose = (id) => (event) => (chosen.value = event.target.checked ? [...ways, id] : ways.filter((other) => other !== id));
  return html`<${Step} title="Scan a network" verb=${plan.value ? "Begin" : "Next"} submit=${() => (plan.value ? begin() : ask())}
    more=${plan.value && html`<button type="button" class="btn quiet" onClick=${() => (plan.value = null)}>Change</button>`}>
    <div class="form"><div class="field full"><label for="networks">Networks, ranges or addresses</label>
      <input class="input mono" id="networks" required autocapitalize="none" spellcheck="false" placeholder="192.0.2.0/24, 198.51.100.1-198.51.100.9" value=${networks}
        onInput=${(event) => ((typed.value = event.target.value), (plan.value = null))} /><p class="hint">At most 65 536 addresses. Nothing else is asked.</p></div>
      <div class="field"><label for="port">UDP port of agents</label><input class="input" id="port" inputmode="numeric" value=${agents}
        onInput=${(event) => ((port.value = event.target.value), (plan.value = null))} /></div>
      <div class="field"><label for="every">Again</label><select class="input" id="every" value=${hours} onChange=${(event) => (every.value = event.target.value)}>
        <option value="">Only now</option><option value="1">Each hour</option><option value="24">Each day</option><option value="168">Each week</option></select>
        <p class="hint">What is new, and what has gone, is said here. Nothing is changed.</p></div></div>
    <fieldset class="plain"><legend>Ask over SNMP by</legend><div class="choice">${snmp().map(
      ({ id, name }) => html`<label><input type="checkbox" checked=${ways.includes(id)} onChange=${choose(id)} /><b>${name}</b></label>`,
    )}</div>${snmp().length === 0 && html`<p class="hint">The account has no credential of SNMP: devices are only pinged. <a href="/setup/credentials">Add one</a>.</p>`}</fieldset>
    ${plan.value && html`<${Note}>${addressesOf(plan.value.addresses)} ${plan.value.addresses === 1 ? "is" : "are"} asked by about ${whole(plan.value.packets)} packets, at most ${whole(plan.value.rate)} a second:
      about ${plan.value.seconds} s. Begin only in networks that are yours to scan.<//>`}<//>`;
}

const nameOf = (row) => row.name || row.address;
const COLUMNS = (chosen, choose) => [
  {
    name: "choose",
    head: "",
    at: "c",
    cell: (row) =>
      row.entity
        ? html`<span class="muted" title="Set up already">${icon("check")}</span>`
        : html`<input type="checkbox" aria-label=${`Add ${nameOf(row)}`} checked=${chosen.has(row.address)} onChange=${choose(row.address)} />`,
  },
  { name: "address", head: "Address", by: (row) => row.address, at: "b", className: "mono", cell: (row) => row.address },
  {
    name: "name",
    head: "Name",
    by: (row) => row.name,
    at: "a",
    className: "who",
    cell: (row) => (row.entity ? html`<a href=${`/device/${row.entity}`}>${nameOf(row)}</a>` : html`<b title=${row.description}>${row.name || "–"}</b>`),
  },
  { name: "vendor", head: "Vendor", by: (row) => row.vendor, className: "opt", cell: (row) => row.vendor ?? html`<span class="muted">–</span>` },
  { name: "model", head: "Model", by: (row) => row.model, className: "opt muted", cell: (row) => row.model ?? "–" },
  { name: "profile", head: "Profile", by: (row) => row.profile, cell: (row) => (row.profile ? html`<span class="tag">${row.profile}</span>` : html`<span class="muted">–</span>`) },
  {
    name: "interfaces",
    head: "Interfaces",
    by: (row) => row.interfaces,
    className: "num",
    cell: (row) => (row.interfaces ? html`${row.interfaces}<span class="muted">, ${row.interfaces_up} up</span>` : "–"),
  },
  {
    name: "answers",
    head: "Answers",
    by: (row) => (row.rtt === null ? 0 : 1) + (row.credential ? 2 : 0),
    at: "d",
    cell: (row) => [row.rtt !== null && "ping", row.credential && "SNMP"].filter(Boolean).join(", "),
  },
];

function Found({ last, order }) {
  const chosen = useSignal(null),
    busy = useSignal(null),
    problem = useSignal(null);
  const fresh = last.devices.filter(({ entity }) => !entity);
  const wanted = chosen.value ?? new Set(fresh.filter(({ credential }) => credential).map(({ address }) => address));
  const choose = (address) => (event) => {
    const next = new Set(wanted);
    event.target.checked ? next.add(address) : next.delete(address);
    chosen.value = next;
  };
  const ready = fresh.filter(({ address }) => wanted.has(address));
  const add = async () => {
    problem.value = null;
    let done = 0;
    try {
      for (const row of ready) {
        busy.value = `${++done} of ${ready.length}`;
        await post(api("entities"), entityOf(row, order.snmp_port));
      }
      say(`${count(done, "device")} added`);
    } catch (error) {
      problem.value = error.message;
    }
    await reload();
    await Promise.all([lookAtDevices(), look()]);
    chosen.value = null;
    busy.value = null;
  };
  const again = (hours) => put(ours("discovery/schedule"), { every_hours: hours }).then(look);
  return html`<section class="card" aria-labelledby="found"><header class="ruled"><h2 id="found">Found</h2>
      <span class="muted">${last.devices.length} of ${addressesOf(last.addresses)} answer${last.stopped && ", stopped before the end"}, <time title=${moment(last.ended)}>${age(now.value - last.ended)} ago</time></span>
      <span class="grow"></span>${order.every_hours && html`<button type="button" class="btn quiet" onClick=${() => again(null)}>Do not repeat</button>`}
      ${fresh.length > 0 && html`<button type="button" class="btn primary" disabled=${ready.length === 0 || busy.value !== null} onClick=${add}>${icon("plus")}${busy.value ?? `Add ${count(ready.length, "device")}`}</button>`}</header>
      ${problem.value && html`<div class="body"><${Note} kind="bad" alert>${problem.value}.<//></div>`}
      ${last.problem && html`<div class="body"><${Note} kind="bad">${last.problem}.<//></div>`}
      ${last.devices.length > 0
        ? html`<${Table} columns=${COLUMNS(wanted, choose)} rows=${last.devices} usual="address" keyOf=${({ address }) => address} label="Devices that answer" />`
        : !last.problem && html`<${Empty} sign="silent" title="Nothing answers">Is the network reached from the hub's machine, and does a firewall let pings and SNMP pass?<//>`}</section>
    <${Suggestions} last=${last} ask=${(address) => ((typed.value = address), setQuery({ net: address }), scrollTo(0, 0))} />
    ${last.links.length > 0 && html`<${Links} links=${last.links} />`}`;
}

const idsOf = (rows, protocol) => [...rows.values()].filter((row) => row.protocol === protocol).map(({ id }) => id);

/** What is made of a device that was found: ping by the account's sensors, SNMP by what its profiles say. */
function entityOf(row, port) {
  const kind = row.address.includes(":") ? "ipv6" : "ipv4";
  const details = { [kind]: row.address };
  const protocols = {};
  const pings = idsOf(sensors.value, "ping");
  if (row.rtt !== null && pings.length > 0)
    protocols.ping = { credential: idsOf(credentials.value, "ping")[0] ?? null, bot: null, sensors: pings.map((sensor) => ({ sensor, interval: null })) };
  if (row.credential) {
    details.snmp_profile = "auto";
    if (port !== 161) details.snmp_port = String(port);
    if (row.model) details.model = row.model;
    protocols.snmp = { credential: row.credential, bot: null, sensors: [] };
  }
  return { name: nameOf(row), entity_type: "device", parent: null, details, protocols };
}
