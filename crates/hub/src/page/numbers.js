// How a value is written: three significant digits, the unit after a narrow no-break space, one prefix a column or axis.

import { html } from "./ui.js";

const PREFIXES = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];
const NARROW = "\u202f";
/** Units that people write with a prefix; of these bits and bytes never go below one. */
const PREFIXED = new Set(["b/s", "B/s", "B", "b", "/s", ""]);

/** Three significant digits, without an exponent; thousands by narrow space. */
export function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 999.5)
    return Math.round(value)
      .toString()
      .replace(/\B(?=(\d{3})+$)/g, NARROW);
  const places = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return places > 6
    ? value.toPrecision(3)
    : value
        .toFixed(places > 2 ? Math.min(places, 6) : places)
        .replace(/(\.\d*?)0+$/, (all, kept) => (size < 1 ? kept.replace(/\.$/, "") : all));
}

/** A value and its unit, apart. Null is a dash without a unit. */
export function parts(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return ["–", ""];
  if (unit === "s") return seconds(value);
  if (unit === "ratio") return [percent(value * 100), "%"];
  if (unit === "%") return [percent(value), "%"];
  if (!PREFIXED.has(unit)) return [digits(value), unit];
  const size = Math.abs(value);
  if (unit !== "" && unit !== "/s" && size > 0 && size < 1) return ["< 1", unit];
  // A count is written whole.
  if (unit === "" && size < 1e6) return [Number.isInteger(value) && size < 1_000 ? String(value) : digits(value), ""];
  const found = PREFIXES.find(([scale]) => size >= scale * 0.9995);
  return found ? [digits(value / found[0]), found[1] + unit] : [digits(value), unit];
}

// Milliseconds from 0.1 ms to 10 s, so that a column compares at a glance.
function seconds(value) {
  const size = Math.abs(value);
  if (size === 0) return ["0", "ms"];
  if (size >= 10) return size < 600 ? [digits(value), "s"] : [digits(value / 60), "min"];
  if (size < 1e-4) return [digits(value * 1e6), "µs"];
  const ms = value * 1e3;
  return [Math.abs(ms) >= 999.5 ? digits(ms) : ms.toFixed(size < 0.01 ? 2 : size < 0.1 ? 1 : 0), "ms"];
}

// 0 and 100 only when exact, never rounded up to 100.
function percent(value) {
  if (value === 0 || value === 100) return String(value);
  if (value > 0 && value < 0.1) return "< 0.1";
  return (Math.floor(value * 10 + 1e-9) / 10).toFixed(1);
}

/** A value as text. */
export function written(value, unit) {
  const [number, name] = parts(value, unit);
  return name ? `${number}${NARROW}${name}` : number;
}

/** A value as markup; a missing one is a dash that says so. */
export function shown(value, unit) {
  const [number, name] = parts(value, unit);
  if (number === "–") return html`<span class="muted" aria-label="no value">–</span>`;
  return html`${number}${name && html`<span class="unit">${NARROW}${name}</span>`}`;
}

/** The prefix of a whole axis that reaches to `top`. */
export function axisScale(top, unit) {
  if (unit === "s") return top < 1e-4 ? [1e-6, "µs"] : top < 10 ? [1e-3, "ms"] : [1, "s"];
  if (unit === "ratio") return [0.01, "%"];
  if (!PREFIXED.has(unit) || (unit === "" && top < 1e5)) return [1, unit];
  const [scale, prefix] = PREFIXES.find(([size]) => top >= size) ?? [1, ""];
  return [scale, prefix + unit];
}

/** An age in one unit, rounded down. */
export function age(secondsAgo) {
  if (secondsAgo < -1) return `${age(-secondsAgo)} ahead`;
  for (const [size, unit] of [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
  ])
    if (secondsAgo >= size) return `${Math.floor(secondsAgo / size)}${NARROW}${unit}`;
  return `${Math.max(0, Math.floor(secondsAgo))}${NARROW}s`;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");

/** Clock time in the viewer's zone; seconds only where they matter. */
export function clock(t, { withSeconds = false } = {}) {
  const date = new Date(t * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}${withSeconds ? `:${two(date.getSeconds())}` : ""}`;
}

/** A date: `Fri 27 Nov`, with the year if it is another than this. */
export function day(t) {
  const date = new Date(t * 1000);
  const year = date.getFullYear() === new Date().getFullYear() ? "" : ` ${date.getFullYear()}`;
  return `${DAYS[date.getDay()]} ${date.getDate()} ${MONTHS[date.getMonth()]}${year}`;
}

export const moment = (t) => `${day(t)} ${clock(t, { withSeconds: true })}`;
/** A path with its escapes undone, for people. */
export const unescaped = (path) => path.replaceAll("%2e", ".").replaceAll("%3a", ":");
/** Names in the order in which people count: port 2 before port 10. */
const names = new Intl.Collator("en", { numeric: true });
export const inOrder = names.compare;
export const byName = (a, b) => names.compare(a.name, b.name);
/** `1 device`, `2 devices`. */
export const count = (number, noun) => `${String(number).replace(/\B(?=(\d{3})+$)/g, NARROW)} ${noun}${number === 1 ? "" : "s"}`;
