// All devices, worst first: how each is and why, its round trip, loss, completeness, traffic.

import { children, devices, entities, lastValues, now, valuesByEntity } from "../state.js";
import { html, signal, useEffect } from "../ui.js";
import { query, setQuery } from "../router.js";
import { age, count, shown } from "../numbers.js";
import { Empty, Pill, STATES, icon } from "../icons.js";
import { Head, health } from "../shell.js";
import { Table } from "../parts/table.js";
import { Spark } from "../parts/spark.js";
import { read } from "../parts/history.js";

const SPARK_S = 3_600;
const REREAD_MS = 60_000;

export const addressOf = ({ details }) =>
  ["ipv4", "ipv6", "hostname"]
    .map((key) => details?.[key])
    .filter(Boolean)
    .join(" · ");
const first = (row, role) => row.roles.get(role)?.[0] ?? null;
const total = (row, role) => row.roles.get(role)?.reduce((sum, { v }) => sum + v, 0) ?? null;
const least = (row, role) => row.roles.get(role)?.reduce((a, { v }) => Math.min(a, v), Infinity) ?? null;

/** The last hour of the rows on the screen, by path. */
const sparks = signal(new Map());
let asked = { key: "", at: 0 };

async function readSparks(rows) {
  const paths = rows.map((row) => first(row, "round-trip")?.p).filter(Boolean);
  const key = paths.join();
  if (paths.length === 0 || (key === asked.key && Date.now() - asked.at < REREAD_MS)) return;
  asked = { key, at: Date.now() };
  sparks.value = await read(paths, now.peek() - SPARK_S, now.peek()).catch(() => sparks.peek());
}

const COLUMNS = [
  {
    name: "state",
    head: "State",
    by: (row) => STATES[row.state][2],
    at: "c",
    cell: (row) => html`<${Pill} state=${row.state} since=${row.since && age(now.value - row.since)} />`,
  },
  {
    name: "device",
    head: "Device",
    by: (row) => row.device.name,
    at: "a",
    className: "who",
    opens: true,
    cell: (row) => row.device.name,
    more: (row) => html` <span class=${row.state === "up" ? "muted" : "cause"}>${row.cause}</span>`,
  },
  { name: "address", head: "Address", by: (row) => row.address, className: "opt mono", cell: (row) => row.address },
  { name: "rtt", head: "Round trip", by: (row) => first(row, "round-trip")?.v ?? null, className: "num", at: "b", cell: roundTrip },
  {
    name: "loss",
    head: "Loss",
    by: (row) => (least(row, "reachability") === null ? null : 1 - least(row, "reachability")),
    className: "num mid",
    cell: (row) => loss(least(row, "reachability")),
  },
  {
    name: "complete",
    head: "Complete",
    title: "Values that came, of those asked for",
    by: (row) => least(row, "completeness"),
    className: "num",
    cell: (row) => share(least(row, "completeness"), 1),
  },
  { name: "traffic", head: "Traffic in, out", by: (row) => total(row, "traffic-in"), className: "num traffic", at: "d", cell: traffic },
  {
    name: "coverage",
    head: "Flows",
    title: "Flow coverage: flows received, of those the exporter sent",
    by: (row) => least(row, "coverage"),
    className: "num opt",
    cell: (row) => share(least(row, "coverage"), 0.99),
  },
];

function roundTrip(row) {
  const value = first(row, "round-trip");
  if (!value) return row.state === "down" ? html`<span class="bad">no answer</span>` : shown(null);
  const series = sparks.value.get(value.p);
  return html`${series?.points.length > 1 && html`<${Spark} series=${[series.points]} kinds=${["kq"]} from=${now.value - SPARK_S} to=${now.value} 
    gap=${600} label="round trip, last hour" />`}<span class="w-rtt">${shown(value.v, "s")}</span>`;
}
const loss = (reached) =>
  reached === null
    ? shown(null)
    : html`<span class=${reached === 0 ? "bad" : reached < 1 ? "careful" : ""}>
  ${shown(1 - reached, "ratio")}</span>`;
const share = (value, wanted) =>
  value === null
    ? shown(null)
    : html`<span class=${value === 0 ? "bad" : value < wanted ? "careful" : ""}>
  ${shown(value, "ratio")}</span>`;
// Rates of octets are shown in bits, as interfaces are sold.
function traffic(row) {
  const [into, out] = [total(row, "traffic-in"), total(row, "traffic-out")];
  if (into === null && out === null) return shown(null);
  return html`<span class="w-rate"><span class="way">↓</span>${shown(into === null ? null : into * 8, "b/s")}</span><span class="w-rate">
    <span class="way">↑</span>${shown(out === null ? null : out * 8, "b/s")}</span>`;
}

function rowsOf() {
  const wanted = (query.value.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const protocol = query.value.get("protocol");
  const rows = devices.value.map((device) => ({
    device,
    address: addressOf(device),
    ...(health.value.get(device.id) ?? { state: "new", cause: "", roles: new Map() }),
  }));
  const matches = ({ device, address, cause }) => {
    const words = `${device.name} ${address} ${cause} ${Object.keys(device.protocols ?? {})
      .map((name) => `protocol:${name}`)
      .join(" ")}`.toLowerCase();
    return wanted.every((word) => words.includes(word)) && (!protocol || device.protocols?.[protocol]);
  };
  return rows.filter(matches);
}

export function Devices() {
  const states = (query.value.get("state") ?? "").split(",").filter(Boolean);
  const matched = rowsOf();
  const rows = states.length ? matched.filter(({ state }) => states.includes(state)) : matched;
  const loaded = entities.value !== null && lastValues.value !== null;
  useEffect(() => {
    const timer = setInterval(() => (asked.at = 0), REREAD_MS);
    return () => clearInterval(timer);
  }, []);
  return html`<${Head} title="Devices"><a class="btn primary" href="/first/device">${icon("plus")}Add device</a><//>
    <main class="page" id="main">${
      loaded && devices.value.length === 0
        ? html`<${NoDevices} />`
        : html`<section class="card" aria-label="Devices">
      <header class="ruled"><${States} rows=${matched} chosen=${states} />
        <div class="filter">${icon("search")}
          <input aria-label="Filter devices" placeholder="Name, address or protocol:snmp" value=${query.value.get("q") ?? ""} 
            onInput=${(event) => setQuery({ q: event.target.value })} /><kbd class="desk">/</kbd></div>
        <span class="muted desk nowrap" role="status">
          ${loaded ? `${rows.length} of ${devices.value.length}${query.value.get("sort") ? "" : ", worst first"}` : ""}</span></header>
      ${
        !loaded
          ? html`<div class="body ghosts" aria-label="Loading"><i></i><i></i><i></i>
        </div>`
          : rows.length
            ? html`<${Table} columns=${COLUMNS} rows=${rows} usual="state" keyOf=${({ device }) => device.id}
        open=${({ device }) => `/device/${device.id}`} rowProps=${({ state }) => ({ "data-state": state, class: state === "up" ? "" : "troubled" })} onVisible=${readSparks} label="Devices" />`
            : html`<${Empty} sign="search" title="No device matches" action=${html`<button class="btn" type="button" 
              onClick=${() => setQuery({ q: "", state: "", protocol: "" })}>Show all</button>`}>
              ${count(devices.value.length, "device")} in this account, none of them is like that.<//>`
      }
      </section>`
    }
      <${OtherValues} /></main>`;
}

function States({ rows, chosen }) {
  const number = (state) => rows.filter((row) => row.state === state).length;
  return html`<div class="seg strip" role="group" aria-label="State">
    <button type="button" aria-pressed=${chosen.length === 0} onClick=${() => setQuery({ state: "" }, { replace: false })}>All ${rows.length}</button>
    ${Object.entries(STATES).map(([state, [shape, word]]) => number(state) > 0 && html`<button type="button" data-s=${state} 
      aria-pressed=${chosen.includes(state)} onClick=${() => setQuery({ state }, { replace: false })}>${icon(shape)}${word} ${number(state)}
      </button>`)}</div>`;
}

const NoDevices = () => html`<section class="card">
  <${Empty} sign="devices" title="No device yet" action=${html`<a class="btn primary" href="/first/device">
  ${icon("plus")}Add device</a>`}>A device is what is measured: a router, a switch, a server. Its address and what to ask it is all that is needed.<//></section>`;

/** Values that belong to no device: they are there, and can be looked at. */
function OtherValues() {
  const known = new Set([...(entities.value?.keys() ?? [])]);
  const other = [...valuesByEntity.value]
    .filter(([id]) => id === null || !known.has(id))
    .reduce((sum, [, values]) => sum + values.length, 0);
  void children.value;
  return (
    other > 0 &&
    html`<p class="muted">
    ${other} series of this account ${other === 1 ? "belongs" : "belong"} to no device: <a href="/explore?p=*">look at all paths</a>.</p>`
  );
}
