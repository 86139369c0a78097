// Sensors: what is measured, and how often.

import { sensors } from "../state.js";
import { html } from "../ui.js";
import { given } from "../parts/schema.js";
import { Records } from "../parts/record.js";

const KIND = {
  title: "Sensors",
  singular: "sensor",
  plural: "sensors",
  about: "A sensor says what is measured of a device, and how often. Many devices can share one.",
  columns: [
    {
      name: "interval",
      head: "Every",
      by: ({ row }) => row.default_interval,
      className: "num",
      at: "c",
      cell: ({ row }) => (row.default_interval ? `${row.default_interval} s` : html`<span class="muted">by device</span>`),
    },
  ],
  rows: () => sensors.value,
  schemaOf: (declared) => declared?.sensor,
  uses: (id) => (enabled) => enabled.sensors.some((use) => use.sensor === id),
  body: ({ default_interval: interval }) => ({ default_interval: given(interval) ? Number(interval) : null }),
  check: ({ default_interval: interval }, found) => {
    if (given(interval) && !(Number.isInteger(Number(interval)) && Number(interval) > 0))
      found.set("/default_interval", `“${interval}”; a whole number of seconds, at least 1, is needed.`);
  },
  extra: ({ draft, set, fault }) => html`<div class="field"><label for="f-default_interval">Interval</label><span class="affix">
    <input class="input" id="f-default_interval" inputmode="numeric" value=${draft.default_interval ?? ""} 
      onInput=${(event) => set({ default_interval: event.target.value })} /><span class="btn" aria-hidden="true">s</span></span>
    ${fault("/default_interval")}<span class="hint">A device may have its own. Without any it is not measured by ping and SNMP.</span></div>`,
};

export const Sensors = ({ which, tabs }) => html`<${Records} kind=${KIND} which=${which} tabs=${tabs} />`;
