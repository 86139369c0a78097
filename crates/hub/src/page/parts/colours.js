// Colours of series: by their place in a chart, but in is blue, out is orange and the round trip is teal everywhere.

import { effect, signal } from "../ui.js";
import { outputOf } from "./outputs.js";

const THEME_KEPT_AS = "grafolean.theme";
const ROLES = { "traffic-in": "c1", "traffic-out": "c2", "round-trip": "c3" };
const PLACES = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10"];
export const MOST_SERIES = PLACES.length;

/** `light`, `dark`, or null for what the system says. */
export const theme = signal(localStorage.getItem(THEME_KEPT_AS));
/** Grows when colours have to be read anew. */
export const themeChanges = signal(0);
effect(() => {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
  theme.value ? localStorage.setItem(THEME_KEPT_AS, theme.value) : localStorage.removeItem(THEME_KEPT_AS);
  themeChanges.value = themeChanges.peek() + 1;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => themeChanges.value++);

/** A colour for each path: the one of its part where no other series has it, else the next free one. */
export function coloursFor(paths) {
  const taken = new Set();
  const chosen = new Map();
  for (const path of paths) {
    const own = ROLES[outputOf(path)?.role];
    if (own && !taken.has(own)) (taken.add(own), chosen.set(path, own));
  }
  for (const path of paths) {
    if (chosen.has(path)) continue;
    const free = PLACES.find((colour) => !taken.has(colour)) ?? "other";
    taken.add(free);
    chosen.set(path, free);
  }
  return chosen;
}

/** A colour as a canvas needs it: `light-dark()` resolved by the browser. */
export function resolved(name, alpha = 1) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `color-mix(in srgb, var(--${name}) ${alpha * 100}%, transparent)`;
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
