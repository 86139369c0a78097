// The box for paths and path filters: chips, completion by what the account has.

import { accountId, devices, newPaths } from "../state.js";
import { html, signal, useEffect, useSignal } from "../ui.js";
import { count, inOrder } from "../numbers.js";
import { icon } from "../icons.js";
import { nameOf } from "./chart.js";
import { matching } from "./history.js";
import { unitOf } from "./outputs.js";

const MOST = 10;
/** Paths that are completed from memory; an account with more is asked for those that begin as the text does. */
const MOST_KNOWN = 10_000;
/** Paths of the account, `{list, more, of}`; null until they were read. */
export const knownPaths = signal(null);

/** Reads which paths there are, once for an account and when there are new ones. */
export function useKnownPaths() {
  const account = accountId.value;
  useEffect(() => {
    if (knownPaths.value?.of === account && knownPaths.value.as === newPaths.value) return;
    matching(["*"], MOST_KNOWN).then(
      (found) => (knownPaths.value = { ...found.get("*"), of: account, as: newPaths.peek() }),
      () => (knownPaths.value = { list: [], more: false, of: account, as: newPaths.peek() }),
    );
  }, [account, newPaths.value]);
  return knownPaths.value?.of === account ? knownPaths.value : null;
}

/** The same path of every device. */
const ofEvery = (path) => path.replace(/(^|\.)entity\.\d+(?=\.)/, "$1entity.?");

/**
 * What a text may mean: paths that hold it or are called so, those that begin so first; then the same of every device, where several
 * have it.
 */
export function completions(paths, text) {
  const wanted = text.toLowerCase();
  if (!wanted) return [];
  const found = paths.filter((path) => path.toLowerCase().includes(wanted) || nameOf(path).toLowerCase().includes(wanted));
  const single = found.sort((a, b) => Number(b.startsWith(text)) - Number(a.startsWith(text)) || inOrder(a, b));
  const every = Map.groupBy(found, ofEvery);
  const shared = [...every].filter(([path, list]) => list.length > 1 && path !== list[0]).sort(([, a], [, b]) => b.length - a.length);
  return [
    ...single.slice(0, MOST - Math.min(3, shared.length)).map((path) => ({ path, about: [unitOf(path), nameOf(path)].filter(Boolean).join(" · ") })),
    ...shared.slice(0, 3).map(([path, list]) => ({ path, about: [unitOf(list[0]), count(list.length, "device")].filter(Boolean).join(" · ") })),
  ];
}

/** A text with what was typed made out in it. */
function marked(path, text) {
  const at = path.toLowerCase().indexOf(text.toLowerCase());
  return at < 0 || !text ? path : html`${path.slice(0, at)}<mark>${path.slice(at, at + text.length)}</mark>${path.slice(at + text.length)}`;
}

export function PathFilter({ value, change, note }) {
  const text = useSignal(""),
    at = useSignal(-1),
    further = useSignal([]),
    known = useKnownPaths();
  void devices.value;
  const typed = text.value.trim();
  useEffect(() => {
    if (!known?.more || !typed) return void (further.value = []);
    matching([`${typed.replace(/\.[^.]*$/, "")}.*`], 100).then(
      (found) => (further.value = [...found.values()].flatMap(({ list }) => list)),
      () => (further.value = []),
    );
  }, [typed, known?.more]);
  const found = completions([...new Set([...(known?.list ?? []), ...further.value])], typed);
  const take = (path) => {
    if (path) change([...value.filter((one) => one !== path), path]);
    text.value = "";
    at.value = -1;
  };
  const key = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) ((at.value = (at.value + step + found.length) % found.length), event.preventDefault());
    else if (event.key === "Enter" || (event.key === "Tab" && typed)) (event.preventDefault(), take(found[at.value]?.path ?? typed));
    else if (event.key === "Backspace" && !text.value && value.length) change(value.slice(0, -1));
    else if (event.key === "Escape") text.value ? ((text.value = ""), (at.value = -1)) : event.target.blur();
  };
  const type = (event) => {
    text.value = event.target.value;
    at.value = -1;
  };
  return html`<div class="filter grow">${icon("search")}
    ${value.map((path) => html`<button type="button" class="token-chip mono" key=${path} title=${`Take ${path} off`} 
      onClick=${() => change(value.filter((one) => one !== path))}>${path}</button>`)}
    <input role="combobox" aria-label="Add a path, * and ? are wild" aria-expanded=${found.length > 0} aria-controls="paths-found" 
      aria-activedescendant=${at.value >= 0 ? `path-${at.value}` : undefined} spellcheck="false" autocapitalize="none"
      placeholder=${value.length ? "Add a path" : "Path or filter, such as entity.?.ping.rtt.avg"} value=${text.value} onInput=${type} onKeyDown=${key} />
    <span class="muted nowrap desk" role="status">${note}</span>
    ${
      found.length > 0 &&
      html`<ul class="pop" id="paths-found" role="listbox" aria-label="Paths">${found.map(
        ({ path, about }, i) =>
          html`<li id=${`path-${i}`} role="option" aria-selected=${i === at.value} onMouseDown=${(event) => {
            event.preventDefault();
            take(path);
          }}><span class="mono clip">${marked(path, typed)}</span><span class="grow"></span><span class="muted small clip">${about}</span></li>`,
      )}</ul>`
    }</div>`;
}
