// Flows: traffic over time stacked by top address, protocol, port or pair; per exporter, interface and direction.
//
// The bot stores the ten largest of each interval: what is not among them is not zero, it is in "others".

import { accountId, devices, children, entities, lastValues, now, watch } from "../state.js";
import { html, useEffect, useMemo } from "../ui.js";
import { go, query, segments, setQuery } from "../router.js";
import { age, byName, count, shown, written } from "../numbers.js";
import { Empty, Note, icon } from "../icons.js";
import { CopyLink, Head } from "../shell.js";
import { ChartCard } from "../parts/chart.js";
import { BY, called, colourKeeper, ranked, useFlows } from "../parts/flowdata.js";
import { RangePicker, lengthInWords, range } from "../parts/range.js";
import { useKept } from "../parts/rawflows.js";
import { Reconciled, heardOf, verdictOf } from "./flows_coverage.js";
import { RawCard } from "./flows_raw.js";
import { Shares, Top } from "./flows_tables.js";
import { WhereItGoes } from "./flows_where.js";

const RANGE = "-6h";
const WIDTHS = { "1min": "1 min", "15min": "15 min", "1h": "1 h", "4h": "4 h", "24h": "24 h" };

export const exporters = () => devices.value.filter(({ protocols }) => protocols?.netflow);

export function Flows() {
  const all = exporters();
  const [, idText, ...rest] = segments.value;
  const device = all.find(({ id }) => id === Number(idText)) ?? all[0];
  if (entities.value && all.length === 0) {
    return html`<${Head} title="Flows" /><main class="page" id="main"><section class="card">
      <${Empty} sign="flows" title="No exporter yet" action=${html`<a class="btn primary" href="/first/device">Add device</a>`}>
      A router or switch sends its flows (NetFlow, IPFIX, sFlow) to UDP port 2055 of the machine where the NetFlow bot runs. Add it as a device with protocol netflow, by the address that it sends from.<//></section></main>`;
  }
  if (!device) return html`<${Head} title="Flows" /><main class="page" id="main"><div class="ghosts"><i></i><i></i><i></i></div></main>`;
  const at = rest.indexOf("if"),
    direction = rest.at(-1) === "egress" ? "egress" : "ingress";
  return html`<${Exporter} key=${device.id} all=${all} device=${device} index=${at >= 0 ? rest[at + 1] : null} direction=${direction} />`;
}

/** Interfaces of an exporter by index: their names where SNMP told them. */
export const interfacesOf = (device) =>
  new Map([
    // Names of the exporter's own options data, where no entity has one.
    ...(verdictOf(device)?.interfaces ?? []).filter(({ name }) => name).map(({ index, name }) => [String(index), name]),
    ...(children.value.get(device.id) ?? [])
      .filter(({ details }) => details?.snmp_index !== undefined)
      .map((child) => [String(child.details.snmp_index), child.name]),
  ]);

function Exporter({ all, device, index, direction }) {
  const at = range(now.value, RANGE);
  const by = index !== null && !BY[query.value.get("by")]?.everywhere ? "address" : BY[query.value.get("by")] ? query.value.get("by") : "address";
  const [only, not] = ["only", "not"].map((name) => query.value.getAll(name));
  const asked = { index, direction, by, not, ...(only.length && { top: 100 }) };
  const { found, error } = useFlows(device.id, asked, at);
  const kept = useKept(accountId.value);
  const colours = useMemo(colourKeeper, [device.id, by]);
  useEffect(() => watch([`netflow.coverage.entity.${device.id}`, `netflow.1min.${direction}.entity.${device.id}.if.?`]), [device.id, direction]);
  const parts = found && ranked(found, by, { colours, only, exclude: not });
  const narrow = (key, alone) => setQuery(alone ? { not: [...not, key] } : { only: [...only.filter((one) => one !== key), key] }, { replace: false });
  const widen = (event) => {
    if (event.key !== "Backspace" || event.target.closest("input, textarea, select")) return;
    if (only.length) setQuery({ only: only.slice(0, -1) }, { replace: false });
    else if (not.length) setQuery({ not: not.slice(0, -1) }, { replace: false });
  };
  useEffect(() => {
    addEventListener("keydown", widen);
    return () => removeEventListener("keydown", widen);
  });
  const view = { device, index, direction, by, at, only, not, kept };
  const word = BY[by][direction];
  return html`<${Head} title=${device.name} crumbs=${[["Flows", "/flows"]]}><${RangePicker} usual=${RANGE} /><${CopyLink} /><//>
    <main class="page" id="main"><${Choices} all=${all} ...${view} />
      <${Reconciled} ...${view} />
      ${found && found.total.bytes === 0 && at.live && html`<${FirstMinute} device=${device} />`}
      ${error && html`<p class="bad" role="alert">${error}</p>`}
      ${
        !found
          ? html`<div class="ghosts"><i></i><i></i><i></i></div>`
          : html`<div class="cols wide broad even">
        <${ChartCard} title=${`${direction === "ingress" ? "Ingress" : "Egress"} by ${word}`} sub=${`mean rate of ${WIDTHS[found.interval]}`}
          series=${parts.series} from=${at.from} to=${at.to} stacked height=${300} legend=${false} empty="No flows in this range."
          actions=${html`<b>${shown(parts.bytes, "B")}</b><span class="muted">in ${lengthInWords(at)}</span>`} />
        <${Top} parts=${parts} by=${by} direction=${direction} more=${found.more} narrow=${narrow} /></div>
        <div class="cols wide broad even"><${WhereItGoes} ...${view} colours=${colours} narrow=${narrow} /><div class="stack"><${Shares} ...${view} /></div></div>`
      }
      <${RawCard} ...${view} /></main>`;
}

/** Flows are stored by whole minutes: until the first is over it is told how fast they come. */
function FirstMinute({ device }) {
  const heard = heardOf(device);
  if (!heard || now.value - heard.last > 300) return null;
  const rate = heard.flows / Math.max(1, heard.last - heard.first);
  return html`<${Note}><b>Flows of ${device.name} arrive: </b>${count(heard.flows, "flow")} so far, ${written(rate, "/s")}, the last ${age(now.value - heard.last)} ago.
    The first minute is drawn once it is over.<//>`;
}

function Choices({ all, device, index, direction, by, only, not }) {
  const names = interfacesOf(device);
  const indexes = indexesOf(device, direction, names);
  const address = (next) => {
    const to = { device: device.id, index, direction, ...next };
    return `/flows/${to.device}${to.index === null ? "" : `/if/${to.index}`}/${to.direction}${location.search}`;
  };
  const ways = Object.entries(BY).filter(([, { everywhere }]) => everywhere || index === null);
  const chip = (name, word, list) =>
    list.map(
      (key) => html`<span class="token-chip">${word} ${called(key, by).name}
    <button type="button" class="btn quiet small icon" aria-label=${`Remove filter ${word} ${key}`} 
      onClick=${() => setQuery({ [name]: list.filter((one) => one !== key) }, { replace: false })}>${icon("cross")}</button></span>`,
    );
  return html`<div class="row strip">
    ${
      all.length > 1 &&
      html`<select class="input" aria-label="Exporter" value=${device.id} 
      onChange=${(event) => go(`/flows/${event.target.value}/${direction}`)}>${all.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</select>`
    }
    <select class="input" aria-label="Interface" value=${index ?? ""} onChange=${(event) => go(address({ index: event.target.value || null }))}>
      <option value="">All interfaces</option>${indexes.map((one) => html`<option value=${one.index}>${one.name}</option>`)}</select>
    <div class="seg" role="group" aria-label="Direction">${[
      ["ingress", "Ingress"],
      ["egress", "Egress"],
    ].map(([way, text]) => html`<button type="button" aria-pressed=${direction === way} onClick=${() => go(address({ direction: way }))}>${text}</button>`)}</div>
    <div class="seg desk" role="group" aria-label="Stacked by">${ways.map(
      ([name, { word }]) => html`<button type="button" 
      aria-pressed=${by === name} onClick=${() => setQuery({ by: name, only: [], not: [] }, { replace: false })}>${word}</button>`,
    )}</div>
    <select class="input phone" aria-label="Stacked by" value=${by} onChange=${(event) => setQuery({ by: event.target.value, only: [], not: [] })}>
      ${ways.map(([name, { word }]) => html`<option value=${name}>By ${word.toLowerCase()}</option>`)}</select>
    ${chip("only", "only", only)}${chip("not", "without", not)}
    <span class="grow"></span><span class="muted desk nowrap">a click narrows, Backspace widens</span></div>`;
}

/** Indexes that flows of the last minutes named. */
function interfacesWithFlows(id, direction) {
  const prefix = `netflow.1min.${direction}.entity.${id}.if.`;
  const found = [...(lastValues.value?.keys() ?? [])].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  return found.filter((rest) => /^\d+$/.test(rest));
}

/** Interfaces that can be chosen: those of the exporter that have names, and those that flows named by their index. */
function indexesOf(device, direction, names) {
  const indexes = new Set([...names.keys(), ...interfacesWithFlows(device.id, direction)]);
  return [...indexes].map((index) => ({ index, name: names.get(index) ?? `interface ${index}` })).sort(byName);
}
