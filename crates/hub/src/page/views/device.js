// One device: how it is, charts of what it has, its interfaces, what is set up.

import { html, useEffect } from "../ui.js";
import { children, credentials, entities, lastValues, now, sensors, watch } from "../state.js";
import { age, count } from "../numbers.js";
import { segments } from "../router.js";
import { Empty, Pill, icon } from "../icons.js";
import { Head, health } from "../shell.js";
import { RangePicker, range } from "../parts/range.js";
import { addressOf } from "./devices.js";
import { Overview } from "./device_overview.js";
import { Charts } from "./device_charts.js";
import { Interfaces } from "./device_interfaces.js";
import { DeviceEvents } from "./events.js";
import { Runs } from "./device_runs.js";
import { DeviceSettings } from "./device_settings.js";

const TABS = [
  ["", "Overview"],
  ["interfaces", "Interfaces"],
  ["charts", "Charts"],
  ["flows", "Flows"],
  ["events", "Events"],
  ["runs", "Runs"],
  ["settings", "Settings"],
];

export function Device() {
  const [, idText, tab = ""] = segments.value;
  const device = entities.value?.get(Number(idText));
  useEffect(() => watch([`entity.${idText}.*`, `*.entity.${idText}`]), [idText]);
  if (!entities.value)
    return html`<${Head} title="Device" /><main class="page" id="main"><div class="ghosts"><i></i><i></i><i></i></div></main>`;
  if (!device) {
    return html`<${Head} title="No such device" crumbs=${[["Devices", "/devices"]]} /><main class="page" id="main"><section class="card">
      <${Empty} title="No such device" action=${html`<a class="btn" 
        href="/devices">All devices</a>`}>This account has no device ${idText}: it was removed, or belongs to another account.<//></section></main>`;
  }
  const about = health.value.get(device.id);
  const below = children.value.get(device.id) ?? [];
  const values = [...(lastValues.value?.values() ?? [])].filter(({ p }) => of(p, device.id));
  const at = range(now.value);
  const View = { "": Overview, interfaces: Interfaces, charts: Charts, events: DeviceEvents, runs: Runs, settings: DeviceSettings }[tab] ?? Overview;
  const exporter = Boolean(device.protocols?.netflow);
  const tabs = TABS.filter(([name]) => (name !== "interfaces" || below.length > 0) && (name !== "flows" || exporter));
  const address = (name) => (name === "flows" ? `/flows/${device.id}/ingress` : `/device/${device.id}${name && `/${name}`}`);
  return html`<${Head} title=${device.name} crumbs=${[["Devices", "/devices"]]} state=${about && html`<${Pill} box state=${about.state} 
    since=${about.since && age(now.value - about.since)} />`} more=${[addressOf(device), device.details?.model].filter(Boolean).join(" · ")}>
      ${!["settings", "runs", "events"].includes(tab) && html`<${RangePicker} />`}<a class="btn desk" href=${`/device/${device.id}/settings`}>${icon("edit")}Edit</a><//>
    <nav class="tabs" aria-label="Device">
      ${tabs.map(
        ([name, word]) => html`<a href=${address(name)} aria-current=${tab === name ? "page" : undefined}>
      ${word}${name === "interfaces" && html` <span class="tag">${below.length}</span>`}</a>`,
      )}</nav>
    <main class="page" id="main"><${View} key=${`${device.id}${tab}`} device=${device} about=${about} values=${values} below=${below} at=${at} />
      </main>`;
}

/** Whether a path is of an entity: its id stands behind the segment `entity`, totals of flows at the end. */
const of = (path, id) => path.startsWith(`entity.${id}.`) || (path.endsWith(`.entity.${id}`) && !/^netflow\.\d/.test(path));

/** What is measured of a device, in words: `[{protocol, credential, uses: [{sensor, interval}]}]`. */
export function measured(device) {
  return Object.entries(device.protocols ?? {}).map(([protocol, { credential, sensors: uses, bot }]) => ({
    protocol,
    bot,
    credential: credentials.value.get(credential),
    uses: uses.map((use) => ({
      sensor: sensors.value.get(use.sensor),
      interval: use.interval ?? sensors.value.get(use.sensor)?.default_interval ?? null,
    })),
  }));
}

/** One protocol of a device in a sentence. */
export function inWords({ protocol, credential, uses }) {
  const every = [...new Set(uses.map(({ interval }) => interval).filter(Boolean))].map((s) => `${s} s`).join(", ");
  return `${uses.map(({ sensor }) => sensor?.name ?? "a sensor that is gone").join(", ") || count(0, "sensor")}${every && `; every ${every}`}${credential ? `; credential ${credential.name}` : `; no credential for ${protocol}`}`;
}
