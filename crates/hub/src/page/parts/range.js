// The range of time that a view shows: `from` and `to` in the address, each `-6h`, `now` or Unix seconds.

import { now } from "../state.js";
import { html, useEffect, useSignal } from "../ui.js";
import { query, setQuery } from "../router.js";
import { clock, day } from "../numbers.js";
import { icon } from "../icons.js";

const RANGES = [
  ["15 min", "-15m", 900],
  ["1 h", "-1h", 3_600],
  ["6 h", "-6h", 21_600],
  ["24 h", "-24h", 86_400],
  ["7 d", "-7d", 604_800],
  ["30 d", "-30d", 2_592_000],
];
const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const USUAL = "-1h";

function seconds(text, at) {
  const relative = /^-(\d+)([smhdw])$/.exec(text);
  if (text === "now") return at;
  if (relative) return at - Number(relative[1]) * UNITS[relative[2]];
  return Number(text) > 0 ? Number(text) : null;
}

/** The range of the address: `{from, to, live, text}`; what cannot be read is the last hour. */
export function range(at = now.value, usual = USUAL) {
  const [fromText, toText] = [query.value.get("from") ?? usual, query.value.get("to") ?? "now"];
  const to = seconds(toText, at),
    from = seconds(fromText, at);
  if (from === null || to === null || from >= to) return { from: at - 3_600, to: at, live: true, text: USUAL };
  return { from, to, live: toText === "now", text: fromText };
}

/** Shows this range; a live one moves with the clock. */
export const show = (from, to, push = true) =>
  setQuery(
    { from: typeof from === "string" ? from : from.toFixed(0), to: typeof to === "string" ? to : to.toFixed(0) },
    { replace: !push },
  );

/** `[` and `]` shift the range by half, `-` widens it, `0` goes back to live. */
function keys(event, usual) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog, .chart")) return;
  const { from, to } = range(now.value, usual);
  const half = (to - from) / 2;
  const move = { "[": [from - half, to - half], "]": [from + half, to + half], "-": [from - half, to + half] }[event.key];
  if (move) show(...move, false);
  else if (event.key === "0") setQuery({ from: "", to: "" });
}

export function RangePicker({ usual = USUAL }) {
  useEffect(() => {
    const listen = (event) => keys(event, usual);
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [usual]);
  const open = useSignal(false);
  const { from, to, live, text } = range(now.value, usual);
  const choose = (value) => setQuery({ from: value, to: "now" }, { replace: false });
  return html`<div class="seg desk" role="group" aria-label="Time range">
      ${RANGES.map(
        ([name, value]) => html`<button type="button" aria-pressed=${live && text === value} onClick=${() => choose(value)}>${name}
        </button>`,
      )}
      <button type="button" aria-label="Choose from and to" aria-pressed=${!live || open.value} onClick=${() => (open.value = !open.value)}>
        ${icon("clock")}${!live && ` ${span(from, to)}`}</button>
    </div>
    <select class="input phone" aria-label="Time range" value=${text} onChange=${(event) => choose(event.target.value)}>
      ${RANGES.map(([name, value]) => html`<option value=${value}>${name}</option>`)}
    </select>
    ${open.value && html`<${FromTo} from=${from} to=${to} done=${() => (open.value = false)} />`}`;
}

const local = (t) => new Date((t - new Date(t * 1000).getTimezoneOffset() * 60) * 1000).toISOString().slice(0, 16);

function FromTo({ from, to, done }) {
  const submit = (event) => {
    event.preventDefault();
    const [a, b] = ["from", "to"].map((name) => new Date(event.target.elements[name].value).getTime() / 1000);
    if (!(a < b))
      return (event.target.elements.to.setCustomValidity("The end has to come after the start."), event.target.reportValidity());
    show(a, b);
    done();
  };
  return html`<form class="pop from-to" onSubmit=${submit} onKeyDown=${(event) => event.key === "Escape" && done()}>
    <label class="field"><span class="label">From</span><input class="input" type="datetime-local" name="from" required value=${local(from)} />
      </label>
    <label class="field"><span class="label">To</span>
      <input class="input" type="datetime-local" name="to" required value=${local(to)} onInput=${(event) => event.target.setCustomValidity("")} />
      </label>
    <button class="btn primary">Show</button></form>`;
}

/** How long a span of seconds is: `5 min`, `6 h`, `30 d`. */
export function inOneUnit(seconds) {
  for (const [size, unit] of [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
  ])
    if (seconds >= size) return `${+(seconds / size).toPrecision(3)} ${unit}`;
  return `${+seconds.toPrecision(3)} s`;
}
export const lengthInWords = ({ from, to }) => inOneUnit(to - from);

/** A range in words: `19:32 – 22:02`, with days where they differ. */
export function span(from, to) {
  const same = day(from) === day(to);
  return same
    ? `${to - from > 86_000 ? "" : `${day(from)} `}${clock(from)} – ${clock(to)}`
    : `${day(from)} ${clock(from)} – ${day(to)} ${clock(to)}`;
}
