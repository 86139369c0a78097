// A card with a chart of series of one unit, and its legend: the figures as a table, and the chart's text alternative.

import { html, useSignal } from "../ui.js";
import { shown, written } from "../numbers.js";
import { children, entityOf, shared } from "../state.js";
import { icon } from "../icons.js";
import { coloursFor, MOST_SERIES } from "./colours.js";
import { cadence, gaps, summary } from "./history.js";
import { inOneUnit } from "./range.js";
import { display, label, outputOf } from "./outputs.js";
import { MOST_BANDS, Plot } from "./plot.js";

const YOUNG_UP_TO_S = 6 * 3_600;

/** Words of parts that have shorter ones here than the titles that were declared. */
const SHORT = { "traffic-in": "in", "traffic-out": "out", "round-trip": "round trip" };

/** What a series is called: its entity, its interface where it has one, and its title or path; short without the title. */
export function nameOf(path, short = false) {
  const output = outputOf(path),
    entity = entityOf(path);
  const child = output?.at.index && (children.value.get(entity?.id) ?? []).find(({ details }) => String(details?.snmp_index) === output.at.index);
  const word = short ? "" : (SHORT[output?.role] ?? output?.title);
  if (child) return [entity.name, child.name, word].filter(Boolean).join(" ");
  const about = Object.entries(output?.at ?? {})
    .filter(([name]) => name !== "entity")
    .map(([, value]) => value)
    .join(" ");
  return [entity?.name, output ? [about, word].filter(Boolean).join(" ") : label(path)].filter(Boolean).join(" ");
}

/** Series as charts draw them, from what was read: values scaled to the unit that is shown. */
export function drawable(paths, found, bytes) {
  const colours = coloursFor(paths.slice(0, MOST_SERIES));
  return paths.slice(0, MOST_SERIES).map((path, i) => {
    const { unit, factor } = display(path, bytes);
    const { points = [], bucket = 0 } = found.get(path) ?? {};
    const scaled =
      factor === 1
        ? points
        : points.map(({ t, v, low, high }) => ({ t, v: v * factor, low: low && low * factor, high: high && high * factor }));
    return { path, name: nameOf(path), colour: colours.get(path), dashed: i >= 6, points: scaled, bucket, unit };
  });
}

/**
 * `series` as `drawable` makes them. `drop(path)` takes one off; `p95` draws the 95th percentile of the first; `lines` are thresholds.
 */
export function ChartCard({ title, sub, series, from, to, mirror, stacked, p95, lines = [], drop, legend = true, height, sync, actions, empty = "No values in this range." }) {
  const hidden = useSignal(new Set()),
    pointed = useSignal(null);
  const unit = series[0]?.unit ?? "";
  const seen = series
    .filter(({ path }) => !hidden.value.has(path))
    .map((one) => ({ ...one, faded: pointed.value !== null && pointed.value !== one.path, pointed: pointed.value === one.path }));
  const first = seen.find(({ path }) => path === pointed.value) ?? seen[0];
  const percentile = p95 && first ? summary(first).p95 : null;
  const dashed = [
    ...lines,
    ...(percentile === null ? [] : [{ value: percentile, name: `95th ${written(percentile, unit)}`, colour: first.colour }]),
  ];
  const beginning = young(seen, from, to);
  const any = seen.some(({ points }) => points.length > 0);
  const bucket = series.find((one) => one.bucket)?.bucket;
  const toggle = (path, alone) => {
    const others = series.map((one) => one.path).filter((other) => other !== path);
    const next = new Set(hidden.value);
    if (alone) hidden.value = new Set(others.every((other) => next.has(other)) ? [] : others);
    else (next.delete(path) || next.add(path), (hidden.value = next));
  };
  const sentence = `${title}: ${seen.map((one) => `${one.name} ${written(summary(one).last, unit)}`).join(", ")}`;
  return html`<section class="card"><header><h2>${title}</h2>
    <span class="muted">${[sub, bucket && legend && `mean of ${inOneUnit(bucket)}, ${series.length > MOST_BANDS ? "pointed at with its lowest and highest" : "band from lowest to highest"}`].filter(Boolean).join("; ")}</span>
    <span class="grow"></span>${actions}</header>
    <div class="body plot">${
      any
        ? html`<${Plot} series=${seen} unit=${unit} from=${beginning} to=${to} label=${sentence} mirror=${mirror} stacked=${stacked} lines=${dashed} 
          height=${height} sync=${sync} />`
        : html`<p class="empty">${empty} ${series.length === 1 && !shared.value && series[0].path.includes(".") && html`<a href=${`/why/${series[0].path}`}>Why?</a>`}</p>`
    }</div>
    ${legend && html`<${Legend} series=${series} unit=${unit} hidden=${hidden.value} toggle=${toggle} point=${(path) => (pointed.value = path)} 
      drop=${drop} />`}</section>`;
}

/** Where a chart begins: series of a new device would be a dot at the edge of an hour, so it begins where they do. */
export function young(series, from, to) {
  const firsts = series.filter(({ points }) => points.length > 0).map(({ points }) => points[0].t);
  const first = Math.min(to, ...firsts),
    least = 20 * Math.min(...series.map(cadence));
  return to - from <= YOUNG_UP_TO_S && first > from + (to - from) / 2
    ? Math.max(from, Math.min(first, to - Math.max(60, Number.isFinite(least) ? least : 0)))
    : from;
}

function Legend({ series, unit, hidden, toggle, point, drop }) {
  const row = (one) => {
    const figures = summary(one),
      missing = gaps(one);
    return html`<tr key=${one.path} onMouseEnter=${() => series.length > 1 && point(one.path)} onMouseLeave=${() => point(null)}>
      <td class="who"><button type="button" class="series" aria-pressed=${!hidden.has(one.path)} title=${one.path} 
        onClick=${(event) => toggle(one.path, event.shiftKey)}>
        <i class=${`swatch k${one.colour.replace(/\D/g, "") || 0}${one.dashed ? " dash" : ""}${hidden.has(one.path) ? " hollow" : ""}`}>
          </i>${one.name}</button>
        ${missing > 0 && !shared.value && html` <a class="small" href=${`/why/${one.path}`}>${missing === 1 ? "1 gap" : `${missing} gaps`}, why?</a>`}</td>
      <td class="num"><b>${shown(figures.last, unit)}</b></td><td class="num mid">${shown(figures.low, unit)}</td><td class="num mid">
        ${shown(figures.mean, unit)}</td><td class="num">${shown(figures.high, unit)}</td><td class="num mid">${shown(figures.p95, unit)}</td>
      <td class="num"><button type="button" class="btn small quiet icon" aria-label=${`${hidden.has(one.path) ? "Show" : "Hide"} ${one.name}`} 
        onClick=${(event) => toggle(one.path, event.shiftKey)}>${icon("eye")}</button>${drop && html`<button type="button" class="btn small quiet icon" aria-label=${`Take ${one.name} off`} 
        onClick=${() => drop(one.path)}>${icon("cross")}</button>`}</td></tr>`;
  };
  return html`<div class="scroll"><table class="t legend" aria-label="Series"><thead><tr><th>Series</th><th class="num">Now</th>
    <th class="num mid">Lowest</th><th class="num mid">Mean</th><th class="num">Highest</th><th class="num mid">95th</th><th class="num">
    <span class="sr">Actions</span></th></tr></thead>
    <tbody>${series.map(row)}</tbody></table></div>`;
}
