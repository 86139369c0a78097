// Any series of the account on stacked charts, one a unit: path filters, range, percentile, thresholds, export.

import { newPaths, now } from "../state.js";
import { html, signal, useEffect, useSignal } from "../ui.js";
import { query, setQuery } from "../router.js";
import { written } from "../numbers.js";
import { Empty, icon } from "../icons.js";
import { CopyLink, Head } from "../shell.js";
import { ChartCard, drawable } from "../parts/chart.js";
import { MOST_SERIES } from "../parts/colours.js";
import { exportCsv, exportPng } from "../parts/export.js";
import { matching, summary } from "../parts/history.js";
import { display, label, outputOf } from "../parts/outputs.js";
import { PathFilter, useKnownPaths } from "../parts/pathfilter.js";
import { RangePicker, range } from "../parts/range.js";
import { useSeries } from "../parts/series.js";

/** Series that are read to find the busiest of a filter; beyond it the first by name are taken, and it is said. */
const MOST_READ = 60;
const MOST_PATHS = 1_000;

/** Paths by filter, as the hub found them. */
const matched = signal(new Map());
const isFilter = (text) => /[*?]/.test(text);

async function match(filter) {
  const found = await matching([filter], MOST_PATHS);
  matched.value = new Map(matched.value).set(filter, found.get(filter));
}

/** A line of the address: `8e9`, in the unit that is shown. */
const thresholds = () => query.value.getAll("line").map(Number).filter(Number.isFinite);

export function Explore() {
  const asked = query.value.getAll("p"),
    bytes = query.value.get("unit") === "byte";
  const at = range(now.value);
  useEffect(() => {
    for (const filter of asked.filter(isFilter)) match(filter).catch(() => matched.value.set(filter, { list: [], more: false }));
  }, [asked.join(), newPaths.value]);
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
  const cards = cardsOf(byUnit, found, bytes);
  return html`<${Head} title="Explore"><${RangePicker} /><${CopyLink} /><${Export} charts=${() => cardsOf(byUnit, found, bytes)} at=${at} /><//>
    <main class="page" id="main"><div class="row">
        <${PathFilter} value=${asked} change=${(p) => setQuery({ p }, { replace: false })} 
          note=${asked.length > 0 ? `${expanded.length} series` : ""} />
        <div class="seg" role="group" aria-label="Unit">
          <button type="button" aria-pressed=${!bytes} onClick=${() => setQuery({ unit: "" }, { replace: false })}>bit/s</button>
          <button type="button" aria-pressed=${bytes} onClick=${() => setQuery({ unit: "byte" }, { replace: false })}>byte/s</button></div>
        <div class="seg desk" role="group" aria-label="Shown">
          <button type="button" aria-pressed=${!stacked} onClick=${() => setQuery({ show: "" })}>Lines</button>
          <button type="button" aria-pressed=${stacked} onClick=${() => setQuery({ show: "stacked" })}>Stacked</button></div>
        <button type="button" class="btn desk" aria-pressed=${query.value.get("p95") === "1"} onClick=${() => toggle("p95")}>95th percentile</button>
          <${Threshold} unit=${cards[0]?.unit ?? ""} /></div>
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
              : cards.map(
                  ({
                    unit,
                    series,
                    of,
                  }) => html`<${ChartCard} key=${unit} title=${titleOf(series)} 
                    sub=${of > series.length ? `the busiest ${series.length} of ${of}` : series.length > 1 ? `${series.length} series` : ""} series=${series} from=${at.from} to=${at.to}
          stacked=${stacked} p95=${query.value.get("p95") === "1"} lines=${thresholds().map((value) => ({ value, name: `threshold ${written(value, unit)}`, colour: "down" }))} drop=${drop} height=${unit === cards[0].unit ? 285 : 150} sync="explore" />`,
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

/** What series of one unit have in common: their declared title, its first word, or the beginning of their paths. */
function titleOf(series) {
  const titles = [...new Set(series.map(({ path }) => outputOf(path)?.title ?? label(path).split(".").slice(0, 2).join(" ")))];
  const first = new Set(titles.map((title) => title.split(" ")[0]));
  const roles = new Set(series.map(({ path }) => outputOf(path)?.role));
  if (roles.size === 1 && roles.has("round-trip")) return "Round trip";
  return titles.length === 1 ? titles[0] : first.size === 1 ? [...first][0] : `Series in ${series[0]?.unit || "plain numbers"}`;
}

function Threshold({ unit }) {
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
  return html`<button type="button" class="btn desk" onClick=${() => (open.value = true)}>${icon("plus")}Threshold</button>
    ${thresholds().map((value) => html`<button type="button" class="btn quiet" 
      onClick=${() => setQuery({ line: thresholds().filter((other) => other !== value) })}>${written(value, unit)} ${icon("cross")}</button>`)}`;
}

function Export({ charts, at }) {
  const open = useSignal(false);
  const choose = (act) => () => {
    open.value = false;
    act();
  };
  return html`<span class="menu desk" onKeyDown=${(event) => event.key === "Escape" && (open.value = false)}>
    <button type="button" class="btn" aria-expanded=${open.value} onClick=${() => (open.value = !open.value)}>${icon("download")}Export</button>
    ${
      open.value &&
      html`<span class="pop"><button type="button" class="btn quiet" onClick=${choose(() => exportCsv(charts().flatMap(({ series }) => series)))}>CSV, what is shown</button>
      <button type="button" class="btn quiet" onClick=${choose(() => exportPng(document.querySelector("#main"), at))}>PNG, the charts</button></span>`
    }</span>`;
}

function Nothing() {
  const paths = useKnownPaths()?.list ?? [];
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
