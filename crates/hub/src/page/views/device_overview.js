// The overview of a device: its main figures, the charts of the parts it plays, what is set up.

import { now } from "../state.js";
import { html } from "../ui.js";
import { age, shown, written } from "../numbers.js";
import { Note } from "../icons.js";
import { ChartCard, drawable, young } from "../parts/chart.js";
import { outputOf } from "../parts/outputs.js";
import { useSeries } from "../parts/series.js";
import { Spark } from "../parts/spark.js";
import { summary } from "../parts/history.js";
import { InterfaceTable } from "./device_interfaces.js";
import { inWords, measured } from "./device.js";

const MOST_TILES = 6;
const MOST_INTERFACES = 15;

export function Overview({ device, about, values, below, at }) {
  const tiles = pick(values);
  const { found } = useSeries(
    tiles.map(({ p }) => p),
    at,
  );
  const of = (role) => tiles.filter(({ p }) => outputOf(p)?.role === role).map(({ p }) => p);
  const trip = of("round-trip").slice(0, 1),
    both = [...of("traffic-in").slice(0, 1), ...of("traffic-out").slice(0, 1)];
  const chart = (title, paths, more) =>
    found &&
    paths.length > 0 &&
    html`<${ChartCard} title=${title} series=${drawable(paths, found)} from=${at.from} to=${at.to} legend=${false} sync="device" ...${more} />`;
  return html`${about?.cause && about.state !== "up" && html`<${Note} 
    kind=${about.state === "down" ? "bad" : about.state === "degraded" ? "warn" : "info"}>
    <b>${device.name}: </b>${about.cause}${about.since && `, ${age(now.value - about.since)} ago`}.<//>`}
    ${
      tiles.length > 0 &&
      html`<div class="tiles">
      ${tiles.map(({ p, v, t }) => html`<${Tile} key=${p} path=${p} value=${v} time=${t} series=${found?.get(p)} at=${at} />`)}</div>`
    }
    <div class="cols two">${chart("Traffic, first interface", both, { mirror: both.length === 2, sub: "in above, out below" })}${chart("Round trip", trip)}</div>
    ${below.length > 0 && html`<${InterfaceTable} device=${device} below=${below} values=${values} most=${MOST_INTERFACES} />`}
    <section class="card"><header class="ruled"><h2>What is measured</h2><span class="grow"></span>
      <a class="btn small" href=${`/device/${device.id}/settings`}>Edit</a></header><div class="body">
      <dl class="kv">${measured(device).map((one) => html`<dt>${one.protocol}</dt><dd>${inWords(one)}</dd>`)}</dl>
      ${measured(device).length === 0 && html`<p>Nothing yet. <a href=${`/device/${device.id}/settings`}>Choose what to measure</a>.</p>`}</div>
        </section>`;
}

/** The values that say most of a device: one of each part that is played. */
function pick(values) {
  const first = new Map();
  for (const value of values) {
    const role = outputOf(value.p)?.role;
    if (role && !first.has(role)) first.set(role, value);
  }
  const order = ["round-trip", "reachability", "traffic-in", "traffic-out", "completeness", "coverage"];
  const rank = (role) => (order.includes(role) ? order.indexOf(role) : order.length);
  return [...first]
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(([, value]) => value)
    .slice(0, MOST_TILES);
}

function Tile({ path, value, time, series, at }) {
  const output = outputOf(path);
  const [one] = drawable([path], new Map([[path, series ?? { points: [], bucket: 0 }]]));
  const factor = one.unit === "b/s" ? 8 : 1;
  const { high } = summary(one);
  return html`<div class="tile"><span class="label">${output.title}</span><span class="value">${shown(value * factor, one.unit)}</span>
    <span class="sub">${high === null ? age(now.value - time) : `peak ${written(high, one.unit)}`}</span>
    ${one.points.length > 1 && html`<${Spark} series=${[one.points]} kinds=${[`k${one.colour.replace(/\D/g, "")}`]} 
      from=${young([one], at.from, at.to)} to=${at.to} width=${160} height=${24} label=${output.title} />`}</div>`;
}
