// All devices, worst first: how each is and why, its round trip, loss, completeness, traffic.

import { bots, credentials, devices, entities, findings, minute, now, otherSeries, overview, protocols } from "../state.js";
import { computed, html, signal } from "../ui.js";
import { query, setQuery } from "../router.js";
import { age, clock, count, shown } from "../numbers.js";
import { Empty, Note, Pill, STATES, icon } from "../icons.js";
import { Head, health } from "../shell.js";
import { Table } from "../parts/table.js";
import { Spark } from "../parts/spark.js";
import { read } from "../parts/history.js";
import { looks } from "../parts/outputs.js";

const SPARK_S = 3_600;
/** Causes that are named above the list; all stand in "What is wrong?". */
const MOST_SHARED = 2;

export const addressOf = ({ details }) =>
  ["ipv4", "ipv6", "hostname"]
    .map((key) => details?.[key])
    .filter(Boolean)
    .join(" · ");
const of = (row, role) => row.roles[role]?.v ?? null;

/** The last hour of the rows on the screen, by path. */
const sparks = signal(new Map());
let asked = "";

async function readSparks(rows) {
  const paths = rows.flatMap(({ roles }) => ["round-trip", "traffic-in", "traffic-out"].map((role) => roles[role]?.p)).filter(Boolean);
  const key = `${paths.join()} ${minute.peek()}`;
  if (paths.length === 0 || key === asked || document.hidden) return;
  asked = key;
  sparks.value = await read(paths, now.peek() - SPARK_S, now.peek(), 40).catch(() => sparks.peek());
}

/** What is asked for by one protocol alone is called by its name. */
const asking = computed(() => {
  const names = [...protocols.value.values()].filter(({ outputs }) => outputs.some(({ role }) => role === "completeness"));
  return names.length === 1 ? names[0].name.toUpperCase() : "Complete";
});

const columns = () => [
  {
    name: "state",
    head: "State",
    by: (row) => -STATES[row.state][2],
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
    more: (row) =>
      row.state === "up"
        ? html` <span class="muted">${row.device.details?.model ?? ""}</span>`
        : html` <a class="cause" href=${`/why/device/${row.device.id}`}>${row.cause}</a>`,
  },
  { name: "address", head: "Address", by: (row) => row.address, className: "opt mono muted", headClass: "opt", cell: (row) => row.address },
  { name: "rtt", head: "Round trip", by: (row) => of(row, "round-trip"), className: "num", at: "b", cell: roundTrip },
  {
    name: "loss",
    head: "Loss",
    by: (row) => (of(row, "reachability") === null ? null : 1 - of(row, "reachability")),
    className: "num mid",
    cell: (row) => loss(of(row, "reachability")),
  },
  {
    name: "complete",
    head: asking.value,
    title: "Completeness: values that came, of those asked for",
    by: (row) => of(row, "completeness"),
    className: "num",
    cell: (row) => share(row, "completeness"),
  },
  { name: "traffic", head: "Traffic in, out", by: (row) => of(row, "traffic-in"), className: "num traffic", at: "d", cell: traffic },
  {
    name: "coverage",
    head: "Flows",
    title: "Flow coverage: flows received, of those the exporter sent",
    by: (row) => of(row, "coverage"),
    className: "num opt",
    cell: (row) => share(row, "coverage"),
  },
];

function roundTrip(row) {
  const value = row.roles["round-trip"];
  if (!value) return row.state === "down" ? html`<span class="bad">no answer</span>` : shown(null);
  const series = sparks.value.get(value.p);
  return html`${series?.points.length > 1 && html`<${Spark} series=${[series.points]} kinds=${[row.state === "degraded" ? "kw" : "kq"]} area=${false} width=${52} from=${now.value - SPARK_S} to=${now.value} 
    gap=${600} label="round trip, last hour" />`}<span class="w-rtt">${shown(value.v, "s")}</span>`;
}
const loss = (reached) =>
  reached === null
    ? shown(null)
    : html`<span class=${looks("reachability", reached) || "muted"}>
  ${shown(1 - reached, "ratio")}</span>`;
const share = (row, role) =>
  of(row, role) === null ? shown(null) : html`<span class=${looks(role, of(row, role)) || "muted"}>${shown(of(row, role), "ratio")}</span>`;
// Rates of octets are shown in bits, as interfaces are sold.
function traffic(row) {
  const [into, out] = [of(row, "traffic-in"), of(row, "traffic-out")];
  if (into === null && out === null) return shown(null);
  const series = ["traffic-in", "traffic-out"].map((role) => sparks.value.get(row.roles[role]?.p)?.points ?? []);
  return html`${series[0].length > 1 && html`<${Spark} series=${series} from=${now.value - SPARK_S} to=${now.value} width=${64} 
    label="traffic of the first interface, last hour" />`}<span class="w-rate"><span class="way">↓</span>${shown(into === null ? null : into * 8, "b/s")}</span><span class="w-rate">
    <span class="way">↑</span>${shown(out === null ? null : out * 8, "b/s")}</span>`;
}

function rowsOf() {
  const wanted = (query.value.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const protocol = query.value.get("protocol");
  const rows = devices.value.map((device) => ({
    device,
    address: addressOf(device),
    ...(health.value.get(device.id) ?? { state: "new", cause: "", roles: {} }),
  }));
  const matches = ({ device, address, cause }) => {
    if (protocol && !device.protocols?.[protocol]) return false;
    if (wanted.length === 0) return true;
    const named = Object.keys(device.protocols ?? {}).map((name) => `protocol:${name}`);
    const words = [device.name, address, cause, device.details?.model, ...named].join(" ").toLowerCase();
    return wanted.every((word) => words.includes(word));
  };
  return rows.filter(matches);
}

export function Devices() {
  const states = (query.value.get("state") ?? "").split(",").filter(Boolean);
  const matched = rowsOf();
  const rows = states.length ? matched.filter(({ state }) => states.includes(state)) : matched;
  const loaded = entities.value !== null && overview.value !== null;
  return html`<${Head} title="Devices"><a class="btn" href="/why">${icon("why")}What is wrong?</a><a class="btn primary" 
      href="/first/device">${icon("plus")}Add device</a><//>
    <main class="page" id="main">${
      loaded && devices.value.length === 0
        ? html`<${NoDevices} />`
        : html`<${Shared} /><section class="card" aria-label="Devices">
      <header class="ruled"><${States} rows=${matched} chosen=${states} />
        <div class="filter">${icon("search")}
          <input aria-label="Filter devices" placeholder="Name, address or protocol:snmp" value=${query.value.get("q") ?? ""} 
            onInput=${(event) => setQuery({ q: event.target.value })} /><kbd class="desk">/</kbd></div>
        <span class="muted desk nowrap" role="status">
          ${loaded ? `${rows.length} of ${devices.value.length}${query.value.get("sort") ? "" : ", worst first"}` : ""}</span></header>
      ${
        !loaded
          ? html`<div class="body ghosts"><i></i><i></i><i></i></div>`
          : rows.length
            ? html`<${Table} columns=${columns()} rows=${rows} usual="-state" keyOf=${({ device }) => device.id}
        open=${({ device }) => `/device/${device.id}`} rowProps=${({ state }) => ({ "data-state": state, class: state === "up" ? "" : "troubled" })} onVisible=${readSparks} turn=${minute.value} label="Devices" />`
            : html`<${Empty} sign="search" title="No device matches" action=${html`<button class="btn" type="button" 
              onClick=${() => setQuery({ q: "", state: "", protocol: "" })}>Show all</button>`}>
              ${count(devices.value.length, "device")} in this account, none of them is like that.<//>`
      }
      </section>`
    }
      <${OtherValues} /></main>`;
}

/** Causes that several devices share: one message each, with what mends it. */
const Shared = () =>
  findings.value
    .filter(({ devices: many }) => many > 1)
    .slice(0, MOST_SHARED)
    .map(({ sentence, devices: many, entities: named, since, protocol, cause }) => {
      const [first] = named;
      return html`<${Note} key=${`${cause} ${protocol}`} kind="bad" actions=${html`${first && html`<a class="btn small" href=${`/why/device/${first.id}`}>Why?</a>`}${mend(named, protocol, cause)}`}>
        <b>${count(many, "device")} share one cause: </b>${sentence}${since && ` Since ${clock(since)}.`}<//>`;
    });

/** Causes that a credential mends. */
const OF_CREDENTIALS = /credential|community|user|_key|level/;

/** Where to go to mend what devices share: their credential, or a bot where there is none. */
function mend(named, protocol, cause) {
  const shared = new Set(named.map(({ id }) => entities.value?.get(id)?.protocols?.[protocol]?.credential));
  if (protocol && !bots.value.some((bot) => bot.protocol === protocol)) return html`<a class="btn small" href="/bots/new">New bot</a>`;
  const [credential] = shared;
  return OF_CREDENTIALS.test(cause) && shared.size === 1 && credentials.value.has(credential) && html`<a class="btn small" href=${`/setup/credentials/${credential}`}>Mend credential</a>`;
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
  <${Empty} sign="devices" title="No devices yet" action=${html`<a class="btn primary" href="/first/device">
  ${icon("plus")}Add device</a>`}>Name one address; ping needs nothing else.<//></section>`;

/** Values that belong to no device: they are there, and can be looked at. */
function OtherValues() {
  const other = otherSeries.value;
  return (
    other > 0 &&
    html`<p class="muted">
    ${other} series of this account ${other === 1 ? "belongs" : "belong"} to no device: <a href="/explore?p=*">look at all paths</a>.</p>`
  );
}
