// The chart: the picked series over a span of time that moves with the clock.

import { element, setText } from "./element.js";
import { label, unitOf, written } from "./units.js";

const SPANS = [["5 min", 300], ["15 min", 900], ["1 h", 3600], ["6 h", 21_600], ["24 h", 86_400], ["7 d", 604_800], ["30 d", 2_592_000]];
const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
/** More single values than this are not told apart on a screen: hourly means are shown then, if the span is days. */
const MOST_POINTS = 20_000;
const HOURLY_FROM_S = 604_800;
/** A short span begins where the values begin, so that those of a new hub are seen to move; never shorter than this. */
const [GROWS_UP_TO_S, LEAST_S] = [900, 60];

export class Chart {
  #span = SPANS[0][1];
  #series = new Map();
  #plot = null;
  #drawnFor = "";
  #loading = 0;

  /** `name(path)`: what the thing that a path belongs to is called. */
  constructor(api, account, name, onChange) {
    Object.assign(this, { api, account, name, onChange });
    this.title = element("h2", {}, "Chart");
    this.spans = element("div", { class: "spans", role: "group", "aria-label": "Time span" }, ...SPANS.map(([text, seconds]) => {
      const button = element("button", { type: "button", "aria-pressed": String(seconds === this.#span) }, text);
      button.addEventListener("click", () => this.#choose(seconds, button));
      return button;
    }));
    this.canvas = element("div", { class: "canvas" });
    this.nothing = element("p", { class: "nothing" });
    this.legend = element("div", { class: "legend" });
    this.element = element("section", { class: "panel chart", "aria-label": "Chart" },
      element("div", { class: "chart-head" }, this.title, this.spans), this.canvas, this.nothing, this.legend);
    new ResizeObserver(() => this.#resize()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw(true));
  }

  /** The span shown, in seconds. */
  get span() {
    return this.#span;
  }

  colour(path) {
    const series = this.#series.get(path);
    return series && `var(${series.colour})`;
  }

  /** Puts series on the chart, or takes one off that is there. One scale has one unit: another unit begins anew. */
  async toggle(...paths) {
    for (const path of paths) {
      if (this.#series.delete(path)) continue;
      const [other] = this.#series.keys();
      if (other !== undefined && unitOf(other) !== unitOf(path)) this.#series.clear();
      const taken = new Set([...this.#series.values()].map((series) => series.colour));
      const colour = COLOURS.find((name) => !taken.has(name));
      if (!colour) continue;
      this.#series.set(path, { colour, times: [], values: [], hourly: false });
    }
    this.onChange();
    await this.refresh();
  }

  async #choose(seconds, button) {
    this.#span = seconds;
    for (const other of this.spans.children) other.setAttribute("aria-pressed", String(other === button));
    for (const series of this.#series.values()) Object.assign(series, { times: [], values: [] });
    await this.refresh();
  }

  /** Reads what is new of each series and draws. */
  async refresh() {
    const turn = ++this.#loading;
    const span = this.#span;
    const until = Date.now() / 1000 + 1;
    await Promise.all([...this.#series].map(([path, series]) => this.#load(path, series, until - span, until)));
    if (turn === this.#loading) this.#draw(false);
  }

  async #load(path, series, from, until) {
    const span = this.#span;
    const newest = series.hourly ? undefined : series.times.at(-1);
    // A little before the newest one, since late values may have come in between.
    const since = newest === undefined ? from : Math.max(from, newest - 60);
    const asked = { p: path, t0: since.toFixed(6), t1: until.toFixed(6), limit: MOST_POINTS };
    let answer = (await this.api.post(`accounts/${this.account}/getvalues`, asked)).paths[path];
    const hourly = answer.next_data_point !== null && span >= HOURLY_FROM_S;
    if (hourly) {
      answer = (await this.api.post(`accounts/${this.account}/getaggrvalues`, { ...asked, t0: from.toFixed(6), a: 0 })).paths[path];
    } else if (answer.next_data_point !== null) {
      // The newest ones are wanted, not the oldest.
      answer = (await this.api.post(`accounts/${this.account}/getvalues`, { ...asked, sort: "desc" })).paths[path];
      answer.data.reverse();
    }
    if (span !== this.#span || this.#series.get(path) !== series) return;
    const first = answer.data[0]?.t ?? Infinity;
    const keep = hourly || series.hourly ? 0 : lowerBound(series.times, Math.min(first, since));
    const old = lowerBound(series.times, from);
    series.times = series.times.slice(Math.min(old, keep), keep).concat(answer.data.map((point) => point.t));
    series.values = series.values.slice(Math.min(old, keep), keep).concat(answer.data.map((point) => point.v));
    series.hourly = hourly;
  }

  #draw(anew) {
    const paths = [...this.#series.keys()];
    const anything = paths.some((path) => this.#series.get(path).times.length > 0);
    setText(this.nothing, paths.length === 0 ? "Open an entity and pick values to see them here." : anything ? "" : "No values in this span.");
    setText(this.title, heading(paths, this.name));
    this.canvas.hidden = !anything;
    const data = anything ? window.uPlot.join(paths.map((path) => withGaps(this.#series.get(path))), paths.map(() => [2])) : null;
    const drawnFor = paths.map((path) => path + this.#series.get(path).colour).join();
    if (this.#plot && (anew || !anything || drawnFor !== this.#drawnFor)) {
      this.#plot.destroy();
      this.#plot = null;
    }
    const now = Date.now() / 1000;
    if (anything && this.#plot === null) {
      this.#drawnFor = drawnFor;
      this.#plot = new window.uPlot(this.#options(paths), data, this.canvas);
    } else if (this.#plot) {
      this.#plot.setData(data, false);
    }
    this.#plot?.setScale("x", { min: this.#beginning(data, now), max: now });
    this.#drawLegend(paths);
  }

  #beginning(data, now) {
    const first = data?.[0][0];
    if (first === undefined || this.#span > GROWS_UP_TO_S) return now - this.#span;
    return Math.max(now - this.#span, Math.min(first, now - LEAST_S));
  }

  #options(paths) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const unit = unitOf(paths[0]);
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    return {
      ...this.#size(),
      padding: [12, 8, 0, 0],
      legend: { show: false },
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { time: true }, y: { range: (_, low, high) => scaleOf(low, high, unit) } },
      axes: [
        { ...axis, space: 70, size: 34, values: (plot, splits) => splits.map((time) => clock(time, this.#span)) },
        { ...axis, size: 76, values: (plot, splits) => splits.map((value) => written(value, unit)) },
      ],
      series: [{}, ...paths.map((path) => {
        const { colour: name } = this.#series.get(path);
        return { label: path, stroke: colour(name), width: 1.75, points: { show: (plot, place) => this.#sparse(path) }, spanGaps: false };
      })],
      hooks: { setCursor: [(plot) => this.#point(plot, paths)] },
    };
  }

  #sparse(path) {
    return this.#series.get(path)?.times.length < 40;
  }

  #size() {
    return { width: Math.max(200, this.canvas.clientWidth), height: Math.max(180, Math.min(420, Math.round(innerHeight * 0.46))) };
  }

  #resize() {
    if (this.#plot && !this.canvas.hidden) this.#plot.setSize(this.#size());
  }

  #drawLegend(paths) {
    this.legend.replaceChildren(...paths.map((path) => {
      const { values, hourly } = this.#series.get(path);
      const unit = unitOf(path);
      const remove = element("button", { type: "button", class: "quiet", title: "take off the chart", "aria-label": `take ${path} off the chart` }, "×");
      remove.addEventListener("click", () => this.toggle(path));
      const chip = element("span", { class: "chip" });
      chip.style.background = this.colour(path);
      const figures = [["now", values.at(-1)], ["min", least(values)], ["mean", mean(values)], ["max", greatest(values)]];
      return element("div", { class: "entry" }, chip,
        element("span", { class: "path", title: path }, `${this.name(path)} ${label(path)}${hourly ? " (hourly means)" : ""}`),
        ...figures.map(([name, value]) => element("span", { class: "figure", "data-name": name }, element("small", {}, name), element("b", {}, written(value, unit)))), remove);
    }));
  }

  // While the pointer is on the chart the legend's first figure is the value under it.
  #point(plot, paths) {
    const place = plot.cursor.idx;
    paths.forEach((path, index) => {
      const figure = this.legend.children[index]?.querySelector(".figure");
      if (!figure) return;
      const under = place === null || place === undefined ? undefined : nearest(plot.data[index + 1], place);
      const { values } = this.#series.get(path) ?? { values: [] };
      setText(figure.firstChild, under === undefined ? "now" : clock(plot.data[0][place], 0));
      setText(figure.lastChild, written(under === undefined ? values.at(-1) : under, unitOf(path)));
    });
  }
}

function heading(paths, name) {
  if (paths.length === 0) return "Chart";
  if (paths.length === 1) return `${name(paths[0])} ${label(paths[0])}`;
  const labels = new Set(paths.map(label));
  return labels.size === 1 ? [...labels][0] : `${paths.length} series`;
}

/** A pause of three steps or more is shown as one. */
function withGaps({ times, values }) {
  const steps = times.slice(1).map((time, place) => time - times[place]).sort((a, b) => a - b);
  const longest = 3 * (steps[Math.floor(steps.length / 2)] ?? Infinity);
  const [t, v] = [[], []];
  times.forEach((time, place) => {
    if (place > 0 && time - times[place - 1] > longest) {
      t.push((time + times[place - 1]) / 2);
      v.push(null);
    }
    t.push(time);
    v.push(values[place]);
  });
  return [t, v];
}

function lowerBound(times, wanted) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function scaleOf(low, high, unit) {
  if (low === null || high === null) return [0, 1];
  if (unit === "%") return [0, Math.max(1.02, high)];
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  return [low >= 0 && low - room < high * 0.4 ? 0 : low - room, high + room];
}

function clock(time, span) {
  const date = new Date(time * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const minute = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (span === 0 || (span <= 900 && date.getSeconds() !== 0)) return `${minute}:${two(date.getSeconds())}`;
  return span > 86_400 ? `${two(date.getDate())}.${two(date.getMonth() + 1)}. ${minute}` : minute;
}

function nearest(values, place) {
  for (let away = 0; away < values.length; away++) {
    const found = values[place - away] ?? values[place + away];
    if (found !== null && found !== undefined) return found;
  }
  return undefined;
}

const least = (values) => values.reduce((a, b) => (a === undefined || b < a ? b : a), undefined);
const greatest = (values) => values.reduce((a, b) => (a === undefined || b > a ? b : a), undefined);
const mean = (values) => (values.length ? values.reduce((a, b) => a + b, 0) / values.length : undefined);
