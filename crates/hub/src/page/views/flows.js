// Flows: traffic over time stacked by top address, protocol, port or pair; per exporter, interface and direction.
//
// The bot stores the ten largest of each interval: what is not among them is not zero, it is in "others".

import { get } from "../api.js";
import { api, devices, lastValues, now, children } from "../state.js";
import { html, signal, useEffect } from "../ui.js";
import { go, query, segments, setQuery } from "../router.js";
import { byName, shown, unescaped } from "../numbers.js";
import { Empty, Note } from "../icons.js";
import { Head } from "../shell.js";
import { useSeries } from "../parts/series.js";
import { RangePicker, range } from "../parts/range.js";
import { ChartCard } from "../parts/chart.js";
import { Pairs } from "../parts/pairs.js";

const INTERVALS = [
  ["1min", 60, 6 * 3_600],
  ["15min", 900, 3 * 86_400],
  ["1h", 3_600, 14 * 86_400],
  ["4h", 14_400, 45 * 86_400],
  ["24h", 86_400, Infinity],
];
const BY = [
  ["address", "Address", "topip"],
  ["protocol", "Protocol", "topprotocol"],
  ["port", "Port", "topdstports"],
  ["pair", "Pair", "topconn"],
];
const COLOURS = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"];
const MOST_PATHS = 400;
const RANGE = "-6h";

/** Exporters that have values: the entities whose paths begin with `netflow.`, as the contract has them. */
const TOTAL = /^netflow\.1min\.(?:ingress|egress)\.entity\.(\d+)$/;
export function exporters() {
  const ids = new Set([...(lastValues.value?.keys() ?? [])].map((path) => Number(TOTAL.exec(path)?.[1])).filter(Boolean));
  return devices.value.filter(({ id, protocols }) => ids.has(id) || protocols?.netflow);
}

/** Interfaces of an exporter that have values, by index. */
function interfacesOf(entity, direction) {
  const prefix = `netflow.1min.${direction}.entity.${entity}.if.`;
  const names = new Map((children.value.get(entity) ?? []).map((child) => [String(child.details?.snmp_index ?? ""), child.name]));
  const indexes = [...(lastValues.value?.keys() ?? [])]
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length))
    .filter((rest) => /^\d+$/.test(rest));
  return indexes.map((index) => ({ index, name: names.get(index) ?? `interface ${index}` })).sort(byName);
}

const listed = signal(new Map());
async function list(filter) {
  const { paths, limit_reached } = await get(api(`paths?filter=${encodeURIComponent(filter)}&limit=${MOST_PATHS}`));
  listed.value = new Map(listed.value).set(filter, { paths: (paths[filter] ?? []).map(({ path }) => path), more: limit_reached });
}

export function Flows() {
  const all = exporters();
  const [, idText, ...rest] = segments.value;
  const device = all.find(({ id }) => id === Number(idText)) ?? all[0];
  const ifAt = rest.indexOf("if"),
    direction = rest.at(-1) === "egress" ? "egress" : "ingress";
  const interfaceIndex = ifAt >= 0 ? rest[ifAt + 1] : null;
  if (lastValues.value && all.length === 0) {
    return html`<${Head} title="Flows" /><main class="page" id="main"><section class="card">
      <${Empty} sign="flows" title="No exporter yet" action=${html`<a class="btn primary" href="/first/device">Add device</a>`}>
      A router or switch sends its flows (NetFlow, IPFIX, sFlow) to UDP port 2055 of the machine where the NetFlow bot runs. Add it as a device with protocol netflow, by the address that it sends from.<//></section></main>`;
  }
  if (!device) return html`<${Head} title="Flows" /><main class="page" id="main"><div class="ghosts"><i></i><i></i><i></i></div></main>`;
  return html`<${Exporter} key=${`${device.id}${interfaceIndex}${direction}`} all=${all} device=${device} index=${interfaceIndex} 
    direction=${direction} />`;
}

function Exporter({ all, device, index, direction }) {
  const at = range(now.value, RANGE);
  const [interval, seconds] = INTERVALS.find(([, , upTo]) => at.to - at.from <= upTo);
  const ways = index === null ? BY : BY.slice(0, 2);
  const [by, , kind] = ways.find(([name]) => name === query.value.get("by")) ?? ways[0];
  const prefix = `netflow.${interval}.${direction}.entity.${device.id}${index === null ? "" : `.if.${index}`}`;
  const filter = `${prefix}.${kind}.*`;
  useEffect(() => {
    list(filter).catch(() => listed.value.set(filter, { paths: [], more: false }));
  }, [filter, Math.floor(now.value / 60)]);
  const { paths = [], more = false } = listed.value.get(filter) ?? {};
  const { found, error } = useSeries([prefix, ...paths], at);
  const address = (next) =>
    `/flows/${next.device ?? device.id}${(next.index === undefined ? index : next.index) === null ? "" : `/if/${next.index === undefined ? index : next.index}`}/${next.direction ?? direction}${location.search}`;
  const names = interfacesOf(device.id, direction);
  const parts = found && ranked(found, prefix, paths, seconds);
  return html`<${Head} title="Flows" more=${`${device.name}${index === null ? "" : `, ${names.find((one) => one.index === index)?.name ?? index}`}`}>
    <${RangePicker} usual=${RANGE} /><//>
    <main class="page" id="main"><div class="row">
        <select class="input" aria-label="Exporter" value=${device.id} 
          onChange=${(event) => go(address({ device: event.target.value, index: null }))}>${all.map(({ id, name }) => html`<option value=${id}>${name}
          </option>`)}</select>
        <select class="input" aria-label="Interface" value=${index ?? ""} onChange=${(event) => go(address({ index: event.target.value || null }))}>
          <option value="">All interfaces</option>${names.map((one) => html`<option value=${one.index}>${one.name}</option>`)}</select>
        <div class="seg" role="group" aria-label="Direction">${["ingress", "egress"].map((way) => html`<button type="button" 
          aria-pressed=${direction === way} onClick=${() => go(address({ direction: way }))}>${way}</button>`)}</div>
        <div class="seg" role="group" aria-label="Group by">
          ${ways.map(([name, word]) => html`<button type="button" aria-pressed=${by === name} 
            onClick=${() => setQuery({ by: name }, { replace: false })}>${word}</button>`)}</div></div>
      <${Coverage} device=${device} />
      ${error && html`<p class="bad" role="alert">${error}</p>`}
      ${
        !found
          ? html`<div class="ghosts"><i></i><i></i><i></i></div>`
          : html`
        <${ChartCard} title=${`Traffic by ${by}`} sub=${`mean of ${interval}; ${parts.bytes === null ? "no total" : ""}`.replace(/; $/, "")} 
          series=${parts.series} from=${at.from} to=${at.to} stacked height=${280} legend=${false} />
        <div class="cols two"><${Top} parts=${parts} kind=${by} more=${more} />
          ${by === "pair" ? html`<${Pairs} rows=${parts.rows} />` : html`<${Raw} />`}</div>`
      }</main>`;
}

/** The largest by their bytes in the range, and what is left of the total: series of rates for the chart, rows for the table. */
function ranked(found, prefix, paths, seconds) {
  const sum = (points) => points.reduce((all, { v }) => all + v, 0);
  const total = found.get(prefix)?.points ?? [];
  const all = paths
    .map((path) => ({
      name: unescaped(
        path
          .slice(prefix.length + 1)
          .split(".")
          .slice(1)
          .join(" → "),
      ),
      points: found.get(path)?.points ?? [],
    }))
    .filter(({ points }) => points.length > 0);
  const rows = all.map((one) => ({ ...one, bytes: sum(one.points) })).sort((a, b) => b.bytes - a.bytes);
  const top = rows.slice(0, COLOURS.length);
  const rate = (points) => points.map(({ t, v }) => ({ t, v: (v * 8) / seconds }));
  const shownAt = new Map();
  top.forEach(({ points }) => points.forEach(({ t, v }) => shownAt.set(t, (shownAt.get(t) ?? 0) + v)));
  const others = total.map(({ t, v }) => ({ t, v: Math.max(0, v - (shownAt.get(t) ?? 0)) }));
  // The ten largest are stored of each interval: one that is missing there is below the tenth, not zero. It is drawn in "others".
  const filled = (points) => {
    const at = new Map(points.map(({ t, v }) => [t, v]));
    return total.map(({ t }) => ({ t, v: at.get(t) ?? 0 }));
  };
  const series = top.map((one, k) => ({
    path: one.name,
    name: one.name,
    colour: COLOURS[k],
    points: rate(filled(one.points)),
    bucket: 0,
    unit: "b/s",
  }));
  if (total.length) series.push({ path: "others", name: "others", colour: "other", points: rate(others), bucket: 0, unit: "b/s" });
  return {
    series,
    rows: rows.map((one, k) => ({ ...one, colour: COLOURS[k] ?? "other" })),
    bytes: total.length ? sum(total) : null,
    others: sum(others),
  };
}

function Top({ parts, kind, more }) {
  const share = (bytes) => (parts.bytes ? bytes / parts.bytes : null);
  const row = ({ name, bytes, colour }) => html`<tr><td class="who"><i class=${`swatch block k${colour.replace(/\D/g, "") || 0}`}>
    </i> <span class="mono">${name}</span></td><td class="num">${shown(bytes, "B")}</td><td class="num">${shown(share(bytes), "ratio")}</td></tr>`;
  return html`<section class="card"><header class="ruled"><h2>Top by ${kind}</h2><span class="muted">
    ${parts.bytes === null ? "" : html`of ${shown(parts.bytes, "B")}`}</span></header>
    <div class="scroll"><table class="t"><thead><tr><th>${kind}</th><th class="num">Bytes</th><th class="num">Share</th></tr></thead>
      <tbody>${parts.rows.slice(0, 20).map(row)}${
        parts.bytes !== null &&
        html`<tr><td class="soft">not among the ten largest of their interval</td>
      <td class="num">${shown(parts.others, "B")}</td><td class="num">${shown(share(parts.others), "ratio")}</td></tr>`
      }</tbody></table></div>
    ${more && html`<footer class="muted small">More series than are read here were among the ten largest: choose a shorter range to see all of them.</footer>`}</section>`;
}

/** How much of what the exporter sent was received, beside every total. */
function Coverage({ device }) {
  const value = [...(lastValues.value?.values() ?? [])].find(
    ({ p }) => p.startsWith("netflow.") && p.includes("coverage") && p.includes(`entity.${device.id}`),
  );
  if (!value || value.v >= 0.999) return null;
  return html`<${Note} kind="warn"><b>${shown(1 - value.v, "ratio")} of the flows of ${device.name} are lost</b> on the way: totals are too low by about as much.<//>`;
}

const Raw = () => html`<section class="card"><header class="ruled"><h2>Single flows</h2></header><div class="body stack">
  <p>The account holds the ten largest of each interval. Where the NetFlow bot keeps raw flows, any question can be asked of them on its machine:</p>
  <pre class="snippet" tabindex="0">grafolean flow query --by src,dst 'port 443'</pre>
    <p class="muted small">The bot keeps them when flow_archive is on.</p></div></section>`;
