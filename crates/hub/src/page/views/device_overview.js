// The overview of a device: its main figures, the charts of the parts it plays, what is set up.

import { bots, now } from "../state.js";
import { html } from "../ui.js";
import { age, shown, written } from "../numbers.js";
import { Note, icon } from "../icons.js";
import { ChartCard, drawable, young } from "../parts/chart.js";
import { degrades, looks, outputOf } from "../parts/outputs.js";
import { useSeries } from "../parts/series.js";
import { Spark } from "../parts/spark.js";
import { summary } from "../parts/history.js";
import { InterfaceTable } from "./device_interfaces.js";
import { inWords, measured } from "./device.js";
import { LastRuns } from "./device_runs.js";
import { addressOf } from "./devices.js";

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
    html`<${ChartCard} title=${title} series=${drawable(paths, found)} from=${at.from} to=${at.to} legend=${false} height=${190} sync="device" 
      actions=${html`${more?.key}<a class="btn small quiet icon" href=${`/explore?${paths.map((path) => `p=${path}`).join("&")}`} 
      aria-label=${`Open ${title} in Explore`}>${icon("explore")}</a>`} ...${more} />`;
  return html`${about?.cause && about.state !== "up" && html`<${Note} 
    kind=${about.state === "down" ? "bad" : about.state === "degraded" ? "warn" : "info"}>
    <b>${device.name}: </b>${about.cause}${about.since && `, ${age(now.value - about.since)} ago`}. <a href=${`/why/device/${device.id}`}>Why?</a><//>`}
    ${
      tiles.length > 0 &&
      html`<div class="tiles">
      ${tiles.map(({ p, v, t }) => html`<${Tile} key=${p} path=${p} value=${v} time=${t} series=${found?.get(p)} at=${at} about=${about} device=${device} />`)}</div>`
    }
    <div class="cols two">${chart("Traffic, busiest interface", both, { mirror: both.length === 2, key: both.length === 2 && MIRRORED })}${chart("Round trip", trip, {
      key: html`<span class="small soft"><i class="swatch k3"></i> mean, band from lowest to highest</span>`,
    })}</div>
    ${below.length > 0 && html`<${InterfaceTable} device=${device} below=${below} values=${values} most=${MOST_INTERFACES} />`}
    <div class="cols wide"><${LastRuns} device=${device} />
    <section class="card" aria-labelledby="set"><header class="ruled"><h2 id="set">Settings</h2><span class="grow"></span>
      <a class="btn small" href=${`/device/${device.id}/settings`}>${icon("edit")}Edit</a></header><div class="body">
      <dl class="kv">${addressOf(device) && html`<dt>Address</dt><dd class="mono">${addressOf(device)}</dd>`}
        ${measured(device).map((one) => html`<dt>${one.protocol}</dt><dd>${inWords(one)}</dd>`)}
        ${measured(device).length > 0 && html`<dt>Bots</dt><dd>${botsOf(device)}</dd>`}</dl>
      ${measured(device).length === 0 && html`<p>Nothing is measured yet. <a href=${`/device/${device.id}/settings`}>Choose what to measure</a>.</p>`}</div>
        </section></div>`;
}

const MIRRORED = html`<span class="small soft"><i class="swatch k1"></i> in, above</span><span class="small soft"><i class="swatch k2"></i> out, below</span>`;

/** Who measures it, in words. */
function botsOf(device) {
  const given = measured(device).map(({ protocol, bot }) => bots.value.find(({ id }) => id === bot)?.name ?? `any bot of ${protocol}`);
  return [...new Set(given)].join(", ");
}

/** The values that say most of a device: one of each part that is played; of traffic that of the busiest interface. */
function pick(values) {
  const first = new Map();
  for (const value of values) {
    const role = outputOf(value.p)?.role;
    // Loss stands beside the round trip.
    if (!role || role === "loss" || (role === "reachability" && values.some(({ p }) => outputOf(p)?.role === "round-trip"))) continue;
    if (!first.has(role) || (role === "traffic-in" && value.v > first.get(role).v)) first.set(role, value);
  }
  const index = first.has("traffic-in") && outputOf(first.get("traffic-in").p).at.index;
  const out = values.find(({ p }) => outputOf(p)?.role === "traffic-out" && outputOf(p).at.index === index);
  if (out) first.set("traffic-out", out);
  const order = ["round-trip", "traffic-in", "traffic-out", "completeness", "coverage"];
  const rank = (role) => (order.includes(role) ? order.indexOf(role) : order.length);
  return [...first]
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(([, value]) => value)
    .slice(0, MOST_TILES);
}

/** What the parts are called here; others by their own titles. */
const TITLES = { "round-trip": "Round trip", coverage: "Flow coverage" };

/** A share of what was wanted: how much is missing, and why. */
function ShareTile({ title, value, device, role }) {
  return html`<div class="tile"><span class="label">${title}</span><span class="value">${shown(value, "ratio")}</span>
    <span class="sub">${value < 1 ? html`${written(1 - value, "ratio")} missing, <a href=${`/why/device/${device.id}`}>why?</a>` : "nothing is missing"}</span>
    <span class="bar full meter" data-s=${degrades(role, value) ? { bad: "down", careful: "warn" }[looks(role, value)] : undefined} aria-hidden="true"><i style=${{ width: `${value * 100}%` }}></i></span></div>`;
}

function Tile({ path, value, time, series, at, about, device }) {
  const output = outputOf(path);
  const title = TITLES[output.role] ?? (output.role === "completeness" ? `${output.protocol.toUpperCase()} complete` : output.title);
  if (["completeness", "coverage", "reachability"].includes(output.role)) return html`<${ShareTile} title=${title} value=${value} device=${device} role=${output.role} />`;
  const reach = about?.roles?.reachability;
  const [one] = drawable([path], new Map([[path, series ?? { points: [], bucket: 0 }]]));
  const factor = one.unit === "b/s" ? 8 : 1;
  const { high } = summary(one);
  return html`<div class="tile"><span class="label">${title}</span><span class="value">${shown(value * factor, one.unit)}</span>
    <span class="sub">${output.role === "round-trip" && reach ? `loss ${written(1 - reach.v, "ratio")}` : high === null ? age(now.value - time) : `peak ${written(high, one.unit)}`}</span>
    ${one.points.length > 1 && html`<${Spark} series=${[one.points]} kinds=${[`k${one.colour.replace(/\D/g, "")}`]} 
      from=${young([one], at.from, at.to)} to=${at.to} width=${160} height=${24} label=${title} />`}</div>`;
}
