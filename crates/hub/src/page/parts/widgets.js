// The widgets of a dashboard: what each shows of its paths.

import { lastValues, newPaths, now, shared, watch } from "../state.js";
import { html, useEffect, useSignal } from "../ui.js";
import { age, clock, shown, written } from "../numbers.js";
import { ChartCard, drawable, nameOf } from "./chart.js";
import { MOST_SERIES } from "./colours.js";
import { matching, summary } from "./history.js";
import { display, outputOf } from "./outputs.js";
import { lengthInWords } from "./range.js";
import { useSeries } from "./series.js";
import { Spark } from "./spark.js";
import { FlowWidget } from "./widget_flows.js";

const MOST_PATHS = 200;
/** From where on a gauge is amber, and red, unless its settings say otherwise: percent of what it is full at. */
export const USUAL_LIMITS = "70, 90";

/** What a widget's content says. Grafolean keeps it as a text of its own; what cannot be read is nothing. */
export function read({ content }) {
  if (typeof content !== "string") return content ?? {};
  try {
    const found = JSON.parse(content);
    return Array.isArray(found)
      ? { paths: found.flatMap(({ path_filter: filter, path }) => filter ?? path ?? []) }
      : { ...found, paths: found.paths ?? [found.path_filter ?? found.path ?? found.path_input].filter(Boolean) };
  } catch {
    return {};
  }
}

/** Paths that the filters of a widget match, and the way to keep their last values read. */
function usePaths(filters) {
  const found = useSignal([]);
  const key = filters.join();
  useEffect(() => {
    const wild = filters.filter((one) => /[*?]/.test(one)),
      plain = filters.filter((one) => !/[*?]/.test(one));
    matching(wild, MOST_PATHS).then(
      (matched) => (found.value = [...new Set([...plain, ...[...matched.values()].flatMap(({ list }) => list)])]),
      () => (found.value = plain),
    );
  }, [key, shared.value ? 0 : newPaths.value]);
  useEffect(() => (shared.value ? undefined : watch(filters)), [key]);
  return found.value;
}

export function Widget({ widget, at }) {
  const content = read(widget);
  const View = { chart: ChartWidget, lastvalue: LastValue, gauge: Gauge, topn: Highest, netflow: FlowWidget }[widget.type];
  if (!View)
    return html`<section class="card"><header><h2>${widget.title}</h2></header>
    <p class="empty">A widget of type ${widget.type} is kept, and not drawn here.</p></section>`;
  return html`<${View} title=${widget.title} content=${content} at=${at} />`;
}

const MIRRORED = html`<span class="small soft"><i class="swatch k1"></i> in, above</span><span class="small soft"><i class="swatch k2"></i> out, below</span>`;

function ChartWidget({ title, content, at }) {
  const paths = usePaths(content.paths ?? []).slice(0, MOST_SERIES);
  const { found } = useSeries(paths, at);
  const roles = paths.map((path) => outputOf(path)?.role);
  const mirror = paths.length === 2 && roles[0] === "traffic-in" && roles[1] === "traffic-out";
  return html`<${ChartCard} title=${title} series=${found ? drawable(paths, found) : []} from=${at.from} to=${at.to} legend=${paths.length > 1 && !mirror} 
    mirror=${mirror} actions=${mirror && MIRRORED} height=${210} sync="board" />`;
}

/** The last value of a path in the unit that is shown; null where it has none. */
export function last(path) {
  const value = lastValues.value?.get(path);
  const { unit, factor } = display(path ?? "");
  return value ? { v: value.v * factor, t: value.t, unit } : null;
}

function LastValue({ title, content, at }) {
  const [path] = usePaths(content.paths ?? []);
  const { found } = useSeries(path ? [path] : [], at);
  const value = last(path),
    [series] = path && found ? drawable([path], found) : [];
  const mean = series && summary(series).mean;
  return html`<section class="card"><header><h2>${title}</h2></header><div class="body big"><span class="value">
    ${shown(value?.v ?? null, value?.unit)}</span><span class="muted small">${value ? `${age(now.value - value.t)} ago` : "no value"}${
      mean !== null && mean !== undefined ? `, mean of ${lengthInWords(at)} ${written(mean, series.unit)}` : ""
    }</span>${series?.points.length > 1 && html`<${Spark} series=${[series.points]} kinds=${[`k${series.colour.slice(1)}`]} from=${at.from} to=${at.to} 
      width=${200} height=${40} label=${`${title}, ${lengthInWords(at)}`} />`}</div></section>`;
}

function Gauge({ title, content }) {
  const paths = usePaths(content.paths ?? []).slice(0, MOST_SERIES);
  const most = Number(content.max) || null;
  const [amber, red] = (content.limits ?? USUAL_LIMITS).split(",").map((text) => Number(text) / 100);
  const highest = Math.max(0, ...paths.map((path) => last(path)?.v ?? 0));
  return html`<section class="card"><header><h2>${title}</h2></header><div class="body stack">${paths.map((path) => {
    const value = last(path);
    // A share needs no end; other values are compared with the one that was chosen, else with each other.
    const share = value && (value.unit === "ratio" ? value.v : most ? value.v / most : highest ? value.v / highest : 0);
    const state = most && share >= red ? "down" : most && share >= amber ? "warn" : undefined;
    return html`<div class="gauge" key=${path}><span class="clip">${nameOf(path, true)}</span><span>${most && value ? html`<span class=${state === "down" ? "bad" : state ? "careful" : ""}>
      ${shown(share, "ratio")}</span><span class="muted"> of ${written(most, value.unit)}</span>` : shown(value?.v ?? null, value?.unit)}</span>
      <span class="bar full thick" data-s=${state} aria-hidden="true"><i style=${{ width: `${Math.max(0, Math.min(100, (share ?? 0) * 100))}%` }}></i></span></div>`;
  })}${paths.length === 0 && html`<p class="muted">no path matches</p>`}</div></section>`;
}

function Highest({ title, content }) {
  const many = Number(content.n) || 5;
  const paths = usePaths(content.paths ?? []);
  const rows = paths
    .map((path) => ({ path, ...last(path) }))
    .filter(({ v }) => v !== undefined)
    .sort((a, b) => b.v - a.v)
    .slice(0, many);
  const titles = new Set(rows.map(({ path }) => outputOf(path)?.title ?? "Value"));
  const newest = Math.max(0, ...rows.map(({ t }) => t));
  return html`<section class="card"><header class="ruled"><h2>${title}</h2><span class="muted">${newest > 0 && clock(newest)}</span></header>
    <div class="scroll"><table class="t"><thead><tr><th>Name</th><th class="num">${titles.size === 1 ? [...titles][0] : "Value"}</th></tr></thead>
    <tbody>${rows.map(
      ({ path, v, unit }, i) => html`<tr key=${path}><td class="who" title=${path}><span class="muted">${i + 1}</span> ${" "}<span class="name">${nameOf(path, titles.size === 1)}</span></td>
      <td class="num">${shown(v, unit)}</td></tr>`,
    )}</tbody></table>${rows.length === 0 && html`<p class="empty">No value matches.</p>`}</div></section>`;
}
