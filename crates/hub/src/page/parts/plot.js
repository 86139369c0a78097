// A time series chart on uPlot: lines with the band of their buckets, gaps as gaps, zoom by dragging.

import { axisScale, clock, day, written } from "../numbers.js";
import { html, useEffect, useRef, useSignal } from "../ui.js";
import { resolved, themeChanges } from "./colours.js";
import { cadence } from "./history.js";
import { show, span } from "./range.js";

const FONT = "11px Inter, system-ui, sans-serif";
/** More series than this have their bands drawn one at a time. */
export const MOST_BANDS = 4;

/**
 * `series`: `[{path, name, colour, points, bucket, dashed, faded}]` of one unit. `lines`: `[{value, name, colour}]`.
 * `mirror` draws the second series below zero; `stacked` adds them up.
 */
export function Plot({ series, unit, from, to, label, height = 220, lines = [], mirror = false, stacked = false, sync }) {
  const box = useRef(null);
  const drawn = useRef(null);
  const held = useSignal(false);
  useEffect(() => {
    // Whoever drags across it is not to have it changed under the pointer.
    if (held.value) return;
    const { left = -1, top = 0 } = drawn.current?.cursor ?? {};
    drawn.current?.destroy();
    drawn.current = box.current.clientWidth > 0 ? draw(box.current, { series, unit, from, to, height, lines, mirror, stacked, sync }) : null;
    if (left >= 0) drawn.current?.setCursor({ left, top });
  }, [seen({ series, from, to }), unit, height, mirror, stacked, lines.map(({ value, name }) => `${value} ${name}`).join(), themeChanges.value, held.value]);
  useEffect(() => {
    const hold = () => (held.value = true),
      letGo = () => (held.value = false);
    box.current.addEventListener("mousedown", hold, true);
    addEventListener("mouseup", letGo);
    return () => {
      removeEventListener("mouseup", letGo);
      drawn.current?.destroy();
      drawn.current = null;
    };
  }, []);
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => drawn.current?.setSize({ width: contentRect.width, height }));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [height]);
  return html`<div class="chart" ref=${box} role="img" aria-label=${label} tabindex="0" onKeyDown=${(event) => keys(event, from, to)}></div>`;
}

/** What tells one picture from the next: the values, who is pointed at, and the range to about a pixel. */
function seen({ series, from, to }) {
  const pixel = (to - from) / 1_000;
  const ends = ({ path, colour, faded, pointed, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    return [path, colour, faded, pointed, points.length, first?.t, last?.t, last?.v].join();
  };
  return `${Math.floor(from / pixel)} ${Math.floor(to / pixel)} ${series.map(ends).join(" ")}`;
}

function keys(event, from, to) {
  const width = to - from;
  const moves = {
    "+": [from + width / 4, to - width / 4],
    "-": [from - width / 2, to + width / 2],
    ArrowLeft: [from - width / 4, to - width / 4],
    ArrowRight: [from + width / 4, to + width / 4],
  };
  const move = moves[event.key];
  if (event.key === "Escape") history.back();
  if (!move) return;
  event.preventDefault();
  show(...move, false);
}

/** Points with a null wherever more than two of their usual steps are missing: no line is drawn across. */
function withGaps({ points, bucket }, sign) {
  const usual = cadence({ points, bucket });
  const columns = [[], [], [], []];
  const add = (t, v, low, high) => [t, v, low, high].forEach((value, i) => columns[i].push(value));
  points.forEach((point, i) => {
    const before = points[i - 1];
    if (before && point.t - before.t > 2.5 * usual) add(before.t + usual, null, null, null);
    add(point.t, sign * point.v, sign * (point.low ?? point.v), sign * (point.high ?? point.v));
  });
  return columns;
}

function draw(box, { series: given, unit, from, to, height, lines, mirror, stacked, sync }) {
  // The largest stands on top of a stack.
  const series = stacked ? [...given].reverse() : given;
  const tables = series.map((one, k) => withGaps(one, mirror && k === 1 ? -1 : 1));
  const banded = !stacked && series.some(({ bucket }) => bucket);
  const joined = window.uPlot.join(
    tables.map((table) => (banded ? table : table.slice(0, 2))),
    tables.map(() => (banded ? [2, 2, 2] : [2])),
  );
  const perSeries = banded ? 3 : 1;
  const data = joined.map((column) => Array.from(column));
  if (stacked) stack(data);
  const specs = [{}],
    bands = [];
  series.forEach((one, k) => {
    const at = 1 + k * perSeries,
      alpha = one.faded ? 0.25 : 1;
    specs.push({
      stroke: resolved(one.colour, alpha),
      width: stacked ? 1 : 1.6,
      dash: one.dashed ? [5, 3] : undefined,
      points: { show: false },
      fill: fillOf(one, k, { stacked, mirror }),
    });
    if (stacked && k > 0) bands.push({ series: [at, at - 1], fill: resolved(one.colour, 0.62) });
    if (!banded) return;
    specs.push({ stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } });
    if (one.bucket && (series.length <= MOST_BANDS || one.pointed)) bands.push({ series: [at + 2, at + 1], fill: resolved(one.colour, 0.16 * alpha) });
  });
  for (const line of lines) {
    data.push(data[0].map(() => line.value));
    specs.push({ stroke: resolved(line.colour), width: 1.2, dash: [6, 4], points: { show: false } });
  }
  const extreme = data.slice(1).reduce((most, column) => column.reduce((a, v) => Math.max(a, Math.abs(v ?? 0)), most), 0);
  const below = data.slice(1).some((column) => column.some((v) => v < 0));
  const top = (extreme || 1) * 1.08;
  const plot = new window.uPlot(
    {
      width: box.clientWidth,
      height,
      legend: { show: false },
      padding: [10, 18, 0, 0],
      cursor: { points: { size: 6 }, bind: { mousedown: panning }, drag: { x: true, y: false, setScale: false }, sync: sync ? { key: sync } : undefined },
      scales: { x: { time: true, range: [from, to] }, y: { range: [below ? -top : 0, top] } },
      series: specs,
      bands,
      axes: axes(unit, top, to - from, box.clientWidth < 480),
      hooks: { ready: [(chart) => names(box, chart, lines)], setSelect: [(chart) => zoom(chart)], setCursor: [(chart) => flag(chart, box)].concat( (chart) => point(chart, { box, series, unit, perSeries, stacked })) },
    },
    data,
    box,
  );
  plot.over.addEventListener("dblclick", () => history.back());
  plot.over.addEventListener("wheel", (event) => event.ctrlKey && (event.preventDefault(), shift(plot, Math.sign(event.deltaY) / 8)), { passive: false });
  return plot;
}

function fillOf(one, k, { stacked, mirror }) {
  if (stacked) return k === 0 ? resolved(one.colour, 0.62) : undefined;
  return mirror ? resolved(one.colour, 0.1) : undefined;
}

function stack(data) {
  for (let k = 2; k < data.length; k++)
    data[k] = data[k].map((v, i) => (v === null || v === undefined ? data[k - 1][i] : v + (data[k - 1][i] ?? 0)));
}

function axes(unit, top, width, narrow) {
  const [size, name] = axisScale(top, unit);
  const text = resolved("ink-3");
  const plain = { stroke: text, font: FONT, ticks: { show: false } };
  const time = (t) =>
    width > 4 * 86_400 || clock(t, { withSeconds: true }) === "00:00:00" ? day(t).slice(0, 10) : clock(t, { withSeconds: width < 600 });
  return [
    { ...plain, grid: { show: false }, size: 24, space: narrow ? 70 : 90, values: (chart, ticks) => ticks.map(time) },
    {
      ...plain,
      grid: { stroke: resolved("grid"), width: 1 },
      size: narrow ? 56 : 70,
      space: 34,
      values: (chart, ticks) => ticks.map((v) => `${+Math.abs(v / size).toPrecision(6)}${name && `\u202f${name}`}`),
    },
  ];
}

/** Shows the same span a share of it later or earlier. */
function shift(chart, share) {
  const { min, max } = chart.scales.x;
  const by = (max - min) * share;
  show(min + by, max + by, false);
}

/** Dragging with Shift moves the range, without it zooms. */
const panning = (chart, target, usual) => (event) => {
  if (!event.shiftKey || event.button !== 0) return void usual(event);
  event.preventDefault();
  const from = event.clientX;
  const moved = ({ clientX }) => shift(chart, (from - clientX) / chart.over.clientWidth);
  addEventListener("mouseup", moved, { once: true });
};

/** While dragging: which range it will be. */
function flag(chart, box) {
  box.querySelector(".chart-flag")?.remove();
  const { left, width } = chart.select;
  if (width < 4) return;
  const made = line("chart-flag", `${span(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"))}, release to zoom`);
  made.style.left = `${left + width / 2 + chart.over.offsetLeft}px`;
  made.style.top = `${chart.over.offsetTop + 30}px`;
  box.append(made);
}

function zoom(chart) {
  const { left, width } = chart.select;
  chart.root.parentElement.querySelector(".chart-flag")?.remove();
  if (width < 4) return;
  const [from, to] = [chart.posToVal(left, "x"), chart.posToVal(left + width, "x")];
  chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  if (to - from >= 2) show(from, to);
}

/** The tip at the pointer, in the order of the lines. */
function point(chart, { box, series, unit, perSeries, stacked }) {
  box.querySelector(".tip")?.remove();
  const { idx, left } = chart.cursor;
  if (idx === null || idx === undefined || left < 0) return;
  const t = chart.data[0][idx];
  const rows = series
    .map((one, k) => {
      const of = (offset) => chart.data[1 + k * perSeries + offset]?.[idx];
      const value = stacked && k > 0 && of(0) !== null ? of(0) - (chart.data[k]?.[idx] ?? 0) : of(0);
      return { one, value, low: one.bucket && perSeries === 3 ? of(1) : null, high: one.bucket && perSeries === 3 ? of(2) : null };
    })
    .filter(({ value }) => value !== null && value !== undefined)
    .sort((a, b) => b.value - a.value);
  if (rows.length === 0) return;
  const tip = document.createElement("div");
  tip.className = "tip";
  const bucket = rows[0].one.bucket;
  tip.append(line("muted", bucket ? span(t - bucket / 2, t + bucket / 2) : `${day(t)} ${clock(t, { withSeconds: true })}`));
  for (const { one, value, low, high } of rows) {
    const row = document.createElement("div"),
      swatch = document.createElement("i"),
      number = document.createElement("b");
    swatch.className = `swatch k${one.colour.replace(/\D/g, "") || 0}`;
    number.textContent = one.absent?.has(t) ? "not in the top 10" : written(Math.abs(value), unit);
    row.append(swatch, one.name, number);
    tip.append(row);
    if (low !== null && high !== null && low !== undefined)
      tip.append(line("muted", `${written(Math.abs(low), unit)} to ${written(Math.abs(high), unit)}`));
  }
  box.append(tip);
  const at = left + chart.over.offsetLeft;
  tip.style.left = `${at + 12 + tip.offsetWidth > box.clientWidth ? Math.max(0, at - 12 - tip.offsetWidth) : at + 12}px`;
  tip.style.top = "24px";
}

function line(className, text) {
  const made = document.createElement("div");
  made.className = className;
  made.textContent = text;
  return made;
}

function names(box, plot, lines) {
  box.querySelectorAll(".line-name").forEach((old) => old.remove());
  for (const { value, name, colour } of lines) {
    const made = line("line-name small", name);
    made.style.top = `${plot.over.offsetTop + plot.valToPos(value, "y") - 19}px`;
    made.style.color = resolved(colour);
    box.append(made);
  }
}
