// Icons: 16 x 16, stroked in the colour of the text. States each have a shape of their own.

import { html } from "./ui.js";

const PATHS = {
  devices: "M2.5 3.5h11v4h-11zM2.5 9.5h11v3h-11zM5 5.5h0M5 11h0",
  explore: "M2 12.5l3.5-5 3 3 5.5-7M2 14.5h12",
  flows: "M2 4c5 0 5 4 12 4M2 12c5 0 5-4 12-4M2 8h12",
  boards: "M2.5 2.5h5v6h-5zM9.5 2.5h4v3h-4zM9.5 7.5h4v6h-4zM2.5 10.5h5v3h-5z",
  bots: "M3.5 6.5h9v7h-9zM8 3v3.5M6 9.5v1M10 9.5v1M1.5 9v2M14.5 9v2",
  events: "M8 2.2c2.4 0 3.8 1.8 3.8 4.2v3l1.4 2.2H2.8l1.4-2.2v-3c0-2.4 1.4-4.2 3.8-4.2M6.6 13.8h2.8",
  discover: "M8 2.2a5.8 5.8 0 1 1 0 11.6a5.8 5.8 0 0 1 0-11.6M8 5.2a2.8 2.8 0 1 1 0 5.6a2.8 2.8 0 0 1 0-5.6M8 8l4-4",
  setup: "M2 4.5h6M11 4.5h3M2 11.5h3M8 11.5h6M9.5 3v3M6.5 10v3",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9M10.5 10.5l3 3",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  plus: "M8 3v10M3 8h10",
  why: "M8 1.8a6.2 6.2 0 1 1 0 12.4a6.2 6.2 0 0 1 0-12.4M6.2 6.2c.2-2.4 3.8-2.2 3.6.1c-.1 1.2-1.8 1.4-1.8 2.8M8 11.6v.1",
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  clock: "M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M8 4.8v3.4l2.2 1.4",
  link: "M6.5 9.5l3-3M7 4.5l1.4-1.4a2.9 2.9 0 0 1 4.1 4.1L11 8.6M9 11.5l-1.4 1.4a2.9 2.9 0 0 1-4.1-4.1L5 7.4",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  key: "M10.5 2.5a3 3 0 1 1-2.6 4.5L2.5 12.4v1.6h2v-1.5h1.5v-1.5h1.5l1-1",
  edit: "M3 13l.6-2.8L10.8 3l2.2 2.2l-7.2 7.2zM9.4 4.4l2.2 2.2",
  download: "M8 2.5v8M4.8 7.5L8 10.7l3.2-3.2M2.5 13.5h11",
  eye: "M1.5 8c3-5.5 10-5.5 13 0c-3 5.5-10 5.5-13 0M8 6a2 2 0 1 1 0 4a2 2 0 0 1 0-4",
  sun: "M8 5a3 3 0 1 1 0 6a3 3 0 0 1 0-6M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7",
  retry: "M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3",
  trash: "M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.5 9h6l.5-9",
  leave: "M9.5 5v-2.5h-7v11h7v-2.5M6 8h8M11.5 5.5l2.5 2.5-2.5 2.5",
  up: "M8 2.2a5.8 5.8 0 1 1 0 11.6a5.8 5.8 0 0 1 0-11.6M5.3 8.2l1.9 1.9 3.5-4",
  degraded: "M8 2.2l6.3 11.3H1.7zM8 6.5v3.2M8 11.6v.1",
  bad: "M5.3 2h5.4L14 5.3v5.4L10.7 14H5.3L2 10.7V5.3zM5.9 5.9l4.2 4.2M10.1 5.9l-4.2 4.2",
  silent: "M8 2.2a5.8 5.8 0 1 1 0 11.6a5.8 5.8 0 0 1 0-11.6M5.2 8h5.6",
  new: "M8 2.2a5.8 5.8 0 1 1 0 11.6a5.8 5.8 0 0 1 0-11.6M8 5.2v5.6M5.2 8h5.6",
};

export const icon = (name) => html`<svg class="i" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;

export const LOGO = html`<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#0f766e" />
  <path d="M5 20h5l3-9 5 14 4-11 2 6h3" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round" /></svg>`;

/** How a thing can be: its icon, its word, its rank (worst first). */
export const STATES = {
  down: ["bad", "Down", 0],
  degraded: ["degraded", "Degraded", 1],
  silent: ["silent", "Silent", 2],
  new: ["new", "New", 3],
  up: ["up", "Up", 4],
};

/** A state as shape and word, with since when. */
export function Pill({ state, since, box = false }) {
  const [shape, word] = STATES[state];
  return html`<span class=${`pill${box ? " box" : ""}`} data-s=${state}>${icon(shape)}${word}${since && html` <span class="muted">${since}</span>`}
    </span>`;
}

/** A note: one sentence, and what can be done about it. */
export function Note({ kind = "info", alert = false, children, actions }) {
  const shape = { info: "why", warn: "degraded", bad: "bad", ok: "up" }[kind];
  return html`<div class="note" data-s=${kind} role=${alert ? "alert" : "status"}>${icon(shape)}<p class="grow">${children}
    </p>${actions && html`<span class="row">${actions}</span>`}</div>`;
}

/** Nothing here: what, why, and the one next step. */
export const Empty = ({ sign = "silent", title, children, action }) =>
  html`<div class="empty">${icon(sign)}<h2>${title}</h2><p>${children}</p>${action}</div>`;
