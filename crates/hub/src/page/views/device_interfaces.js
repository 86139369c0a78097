// The interfaces of a device as a table: name, alias, speed, traffic, utilisation.

import { minute, now } from "../state.js";
import { html, signal } from "../ui.js";
import { byName, shown, written } from "../numbers.js";
import { query, setQuery } from "../router.js";
import { icon } from "../icons.js";
import { looks, outputOf } from "../parts/outputs.js";
import { read } from "../parts/history.js";
import { Spark } from "../parts/spark.js";
import { Table } from "../parts/table.js";

const SPARK_S = 3_600;
const OLD_S = 900;
const sparks = signal(new Map());
let asked = "";

async function readSparks(rows) {
  const paths = rows.flatMap(({ into, out }) => [into?.p, out?.p]).filter(Boolean);
  const key = `${paths.join()} ${minute.peek()}`;
  if (paths.length === 0 || key === asked || document.hidden) return;
  asked = key;
  sparks.value = await read(paths, now.peek() - SPARK_S, now.peek(), 40).catch(() => sparks.peek());
}

export function Interfaces({ device, below, values }) {
  return html`<${InterfaceTable} device=${device} below=${below} values=${values} />`;
}

const speed = ({ details }) => (details?.speed_bps > 0 ? Number(details.speed_bps) : null);
const index = ({ details }) => String(details?.snmp_index ?? "");
/** Written in bytes or bits a second. */
const asBytes = signal(false);
const unit = () => (asBytes.value ? "B/s" : "b/s");
const rate = (value) => (value && now.value - value.t < OLD_S ? value.v * 8 : null);
const inUnit = (bits) => (bits === null ? null : asBytes.value ? bits / 8 : bits);
/** Errors and discards a minute, by whatever series of the interface says so. */
const perMinute = (values) => (values.length ? values.reduce((sum, { v }) => sum + v * 60, 0) : null);
const use = ({ child, into, out }) => (speed(child) && (into || out) ? Math.max(rate(into) ?? 0, rate(out) ?? 0) / speed(child) : null);
const traffic = (value, kind, name) => {
  const points = sparks.value.get(value?.p)?.points ?? [];
  return html`${points.length > 1 && html`<${Spark} series=${[points]} kinds=${[kind]} from=${now.value - SPARK_S} to=${now.value} 
    label=${`${name}, last hour`} />`} <span class="w-rate">${shown(inUnit(rate(value)), unit())}</span>`;
};

const COLUMNS = [
  { name: "name", head: "Interface", by: ({ child }) => child.name, at: "a", opens: true, cell: ({ child }) => child.name },
  {
    name: "alias",
    head: "Alias",
    by: ({ child }) => child.details?.alias ?? "",
    at: "c",
    cell: ({ child }) => html`<span class="soft">
    ${child.details?.alias ?? ""}</span>`,
  },
  { name: "speed", head: "Speed", by: ({ child }) => speed(child), className: "num mid", cell: ({ child }) => html`<span class="muted">${shown(speed(child), "b/s")}</span>` },
  { name: "in", head: "In", by: ({ into }) => rate(into), className: "num", at: "b", cell: ({ into }) => traffic(into, "k1", "in") },
  { name: "out", head: "Out", by: ({ out }) => rate(out), className: "num", at: "d", cell: ({ out }) => traffic(out, "k2", "out") },
  { name: "use", head: "Utilisation", by: use, className: "num mid", cell: (row) => utilisation(use(row)) },
  {
    name: "errors",
    head: "Errors",
    by: ({ errors }) => perMinute(errors),
    className: "num",
    cell: ({ errors }) => {
      const value = perMinute(errors);
      return html`<span class=${value > 0 ? "careful" : "muted"}>${value === 0 ? "0" : shown(value, "/min")}</span>`;
    },
  },
];
/** Declared or not: a path that speaks of errors or discards of the interface at this index. */
const ERRORS = /(?:^|[.-])(?:in|out)?-?(?:errors|discards)\.(\d+)(?:\.|$)/;

function utilisation(share) {
  if (share === null) return shown(null);
  const look = looks("traffic-in", share);
  const state = { bad: "down", careful: "warn" }[look];
  return html`<span class=${look}>${shown(share, "ratio")}
    </span> <span class="bar" data-s=${state} aria-hidden="true"><i style=${{ width: `${Math.min(100, share * 100)}%` }}></i></span>`;
}

export function InterfaceTable({ device, below, values, most = Infinity }) {
  const of = (role) => new Map(values.filter(({ p }) => outputOf(p)?.role === role).map((value) => [outputOf(value.p).at.index, value]));
  const [into, out] = [of("traffic-in"), of("traffic-out")];
  const errors = Map.groupBy(values.filter(({ p }) => ERRORS.test(p)), ({ p }) => ERRORS.exec(p)[1]);
  const wanted = (query.value.get("q") ?? "").toLowerCase();
  const all = below
    .filter(({ entity_type }) => entity_type === "interface")
    .sort(byName)
    .map((child) => ({ child, into: into.get(index(child)), out: out.get(index(child)), errors: errors.get(index(child)) ?? [] }));
  const rows = all.filter(({ child }) => `${child.name} ${child.details?.alias ?? ""} ${written(speed(child), "b/s").replace("\u202f", " ")}`.toLowerCase().includes(wanted));
  const busy = all.filter((row) => (rate(row.into) ?? 0) + (rate(row.out) ?? 0) > 0).length;
  const open = ({ into: a, out: b }) =>
    `/explore?${[a, b]
      .filter(Boolean)
      .map(({ p }) => `p=${p}`)
      .join("&")}`;
  return html`<section class="card" aria-label="Interfaces"><header class="ruled"><h2>Interfaces</h2><span class="muted">
    ${busy} of ${all.length} carry traffic</span><span class="grow"></span>
      <div class="filter desk">${icon("search")}
        <input aria-label="Filter interfaces" placeholder="Name, alias or speed" value=${query.value.get("q") ?? ""} 
          onInput=${(event) => setQuery({ q: event.target.value })} /></div>
      <div class="seg desk" role="group" aria-label="Unit"><button type="button" aria-pressed=${!asBytes.value} onClick=${() => (asBytes.value = false)}>bit/s</button>
        <button type="button" aria-pressed=${asBytes.value} onClick=${() => (asBytes.value = true)}>byte/s</button></div></header>
    <${Table} columns=${COLUMNS} rows=${rows.slice(0, most)} usual="-use" keyOf=${({ child }) => child.id} open=${open} onVisible=${readSparks} turn=${minute.value} 
      label="Interfaces" />
    ${rows.length > most && html`<footer><a href=${`/device/${device.id}/interfaces`}>All ${rows.length} interfaces</a></footer>`}</section>`;
}
