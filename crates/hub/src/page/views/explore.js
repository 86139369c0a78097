// Any series of the account on stacked charts, one a unit: path filters, range, percentile, thresholds, export.

import { get } from "../api.js";
import { api, lastValues, now } from "../state.js";
import { html, signal, useEffect, useSignal } from "../ui.js";
import { query, setQuery } from "../router.js";
import { Empty, icon } from "../icons.js";
import { Head } from "../shell.js";
import { ChartCard, drawable } from "../parts/chart.js";
import { MOST_SERIES } from "../parts/colours.js";
import { exportCsv, exportPng } from "../parts/export.js";
import { summary } from "../parts/history.js";
import { display, label } from "../parts/outputs.js";
import { PathFilter } from "../parts/pathfilter.js";
import { RangePicker, range } from "../parts/range.js";
import { useSeries } from "../parts/series.js";

/** Series that are read to find the busiest of a filter; beyond it the first by name are taken, and it is said. */
const MOST_READ = 60;
const MOST_PATHS = 1_000;

/** Paths by filter, as the hub found them. */
const matched = signal(new Map());
const isFilter = (text) => /[*?]/.test(text);

async function match(filter) {
  const { paths, limit_reached } = await get(api(`paths?filter=${encodeURIComponent(filter)}&limit=${MOST_PATHS}`));
  const list = (paths[filter] ?? []).map(({ path }) => path);
  matched.value = new Map(matched.value).set(filter, { list, more: limit_reached });
}

/** A line of the address: `8e9`, in the unit that is shown. */
const thresholds = () => query.value.getAll("line").map(Number).filter(Number.isFinite);

export function Explore() {
  const asked = query.value.getAll("p"),
    bytes = query.value.get("unit") === "byte";
  const at = range(now.value);
  useEffect(() => {
    for (const filter of asked.filter(isFilter)) match(filter).catch(() => matched.value.set(filter, { list: [], more: false }));
  }, [asked.join()]);
  const expanded = [...new Set(asked.flatMap((one) => (isFilter(one) ? (matched.value.get(one)?.list ?? []) : [one])))];
  const byUnit = Map.groupBy(expanded, (path) => display(path, bytes).unit);
  const reading = [...byUnit].flatMap(([, paths]) => paths.slice(0, MOST_READ));
  const { found, error } = useSeries(reading, at);
  const drop = (path) =>
    setQuery(
      {
        p: asked.flatMap((one) =>
          one === path
            ? []
            : isFilter(one) && expanded.includes(path) && matched.value.get(one)?.list.includes(path)
              ? chosen(byUnit, found).filter((other) => other !== path)
              : [one],
        ),
      },
      { replace: false },
    );
  const toggle = (name) => setQuery({ [name]: query.value.get(name) ? "" : "1" }, { replace: false });
  const stacked = query.value.get("show") === "stacked";
  return html`<${Head} title="Explore"><${RangePicker} /><${Export} charts=${() => cardsOf(byUnit, found, bytes)} at=${at} /><//>
    <main class="page" id="main"><div class="row">
        <${PathFilter} value=${asked} change=${(p) => setQuery({ p }, { replace: false })} 
          note=${asked.length > 0 ? `${expanded.length} series` : ""} />
        <div class="seg" role="group" aria-label="Unit">
          <button type="button" aria-pressed=${!bytes} onClick=${() => setQuery({ unit: "" })}>bit/s</button>
          <button type="button" aria-pressed=${bytes} onClick=${() => setQuery({ unit: "byte" })}>byte/s</button></div>
        <div class="seg" role="group" aria-label="Drawing">
          <button type="button" aria-pressed=${!stacked} onClick=${() => setQuery({ show: "" })}>Lines</button>
          <button type="button" aria-pressed=${stacked} onClick=${() => setQuery({ show: "stacked" })}>Stacked</button></div>
        <button type="button" class="btn" aria-pressed=${query.value.get("p95") === "1"} onClick=${() => toggle("p95")}>95th percentile</button>
          <${Threshold} /></div>
      ${error && html`<p class="bad" role="alert">${error}</p>`}
      ${
        asked.length === 0
          ? html`<${Nothing} />`
          : !found && reading.length > 0
            ? html`<div class="ghosts"><i></i><i></i><i></i>
        </div>`
            : expanded.length === 0
              ? html`<section class="card">
        <${Empty} sign="search" title="No path matches">No series of this account is called like that. “?” stands for one part of a path, “*” for one or more.<//></section>`
              : cardsOf(byUnit, found, bytes).map(
                  ({
                    unit,
                    series,
                    of,
                  }) => html`<${ChartCard} key=${unit} title=${titleOf(series)} 
                    sub=${of > series.length ? `the busiest ${series.length} of ${of}` : ""} series=${series} from=${at.from} to=${at.to}
          stacked=${stacked} p95=${query.value.get("p95") === "1"} lines=${thresholds().map((value) => ({ value, name: `threshold ${value}`, colour: "down" }))} drop=${drop} height=${280} sync="explore" />`,
                )
      }</main>`;
}

/** Of each unit the busiest series, by their mean in the range. */
function cardsOf(byUnit, found, bytes) {
  return [...byUnit].map(([unit, paths]) => {
    const mean = (path) => summary(found?.get(path) ?? { points: [] }).mean ?? -Infinity;
    const busiest =
      paths.length > MOST_SERIES
        ? paths
            .slice(0, MOST_READ)
            .sort((a, b) => mean(b) - mean(a))
            .slice(0, MOST_SERIES)
        : paths;
    return { unit, of: paths.length, series: drawable(busiest, found ?? new Map(), bytes) };
  });
}
const chosen = (byUnit, found) => cardsOf(byUnit, found, false).flatMap(({ series }) => series.map(({ path }) => path));

function titleOf(series) {
  const words = new Set(series.map(({ path }) => label(path).split(".").slice(0, 2).join(" ")));
  return words.size === 1 ? [...words][0] : `${series.length} series${series[0]?.unit ? `, ${series[0].unit}` : ""}`;
}

function Threshold() {
  const open = useSignal(false);
  const add = (event) => {
    event.preventDefault();
    const value = Number(event.target.elements.line.value);
    if (!Number.isFinite(value)) return;
    setQuery({ line: [...thresholds(), value] }, { replace: false });
    open.value = false;
  };
  if (open.value)
    return html`<form class="row" onSubmit=${add}>
    <input class="input" name="line" inputmode="decimal" aria-label="Threshold, in the unit of the chart" placeholder="5e9" autofocus />
    <button class="btn">Draw</button></form>`;
  return html`<button type="button" class="btn" onClick=${() => (open.value = true)}>${icon("plus")}Threshold</button>
    ${thresholds().map((value) => html`<button type="button" class="btn quiet" 
      onClick=${() => setQuery({ line: thresholds().filter((other) => other !== value) })}>${value} ${icon("cross")}</button>`)}`;
}

function Export({ charts, at }) {
  return html`<button type="button" class="btn desk" onClick=${() => exportCsv(charts().flatMap(({ series }) => series))}>
    ${icon("download")}CSV</button>
    <button type="button" class="btn desk" onClick=${() => exportPng(document.querySelector("#main"), at)}>${icon("download")}PNG</button>`;
}

function Nothing() {
  const paths = [...(lastValues.value?.keys() ?? [])];
  const kinds = Map.groupBy(paths, (path) =>
    path
      .replace(/(^|\.)entity\.\d+(?=\.|$)/, "$1entity.?")
      .split(".")
      .slice(0, 5)
      .join("."),
  );
  const rows = [...kinds].sort(([, a], [, b]) => b.length - a.length).slice(0, 20);
  return html`<section class="card"><${Empty} sign="explore" 
    title="Choose series">Type a path, or a filter: “entity.?.ping.rtt.avg” shows the round trip of every device.<//>
    ${
      rows.length > 0 &&
      html`<table class="t"><thead><tr><th>What there is</th><th class="num">Series</th></tr></thead>
      <tbody>${rows.map(
        ([kind, list]) => html`<tr><td class="who mono">
      <a href=${`/explore?p=${list.length === 1 ? list[0] : list.every((path) => path.split(".").length === kind.split(".").length) ? kind : `${kind}.*`}`}>${kind}</a></td><td class="num">${list.length}</td></tr>`,
      )}</tbody></table>`
    }</section>`;
}
