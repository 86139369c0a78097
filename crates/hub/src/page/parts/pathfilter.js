// The box for paths and path filters: chips, completion by what the account has.

import { lastValues } from "../state.js";
import { html, useSignal } from "../ui.js";
import { icon } from "../icons.js";
import { nameOf } from "./chart.js";

const MOST = 10;

/** Paths that begin with or hold the text, the next part of each alone where many share it. */
export function completions(paths, text) {
  const wanted = text.toLowerCase();
  if (!wanted) return [];
  const found = paths.filter((path) => path.toLowerCase().includes(wanted) || nameOf(path).toLowerCase().includes(wanted));
  return found.sort((a, b) => Number(b.startsWith(text)) - Number(a.startsWith(text)) || a.length - b.length).slice(0, MOST);
}

export function PathFilter({ value, change, note }) {
  const text = useSignal(""),
    at = useSignal(-1);
  const found = completions([...(lastValues.value?.keys() ?? [])], text.value.trim());
  const take = (path) => {
    if (path) change([...value.filter((one) => one !== path), path]);
    text.value = "";
    at.value = -1;
  };
  const key = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) ((at.value = (at.value + step + found.length) % found.length), event.preventDefault());
    else if (event.key === "Enter" || (event.key === "Tab" && text.value.trim()))
      (event.preventDefault(), take(found[at.value] ?? text.value.trim()));
    else if (event.key === "Backspace" && !text.value && value.length) change(value.slice(0, -1));
    else if (event.key === "Escape") text.value ? ((text.value = ""), (at.value = -1)) : event.target.blur();
  };
  return html`<div class="filter">${icon("search")}
    ${value.map((path) => html`<button type="button" class="token-chip mono" key=${path} title=${`Take ${path} off`} 
      onClick=${() => change(value.filter((one) => one !== path))}>${path}</button>`)}
    <input role="combobox" aria-label="Add a path" aria-expanded=${found.length > 0} aria-controls="paths-found" 
      aria-activedescendant=${at.value >= 0 ? `path-${at.value}` : undefined}
      placeholder=${value.length ? "Add a path" : "Path or filter, such as entity.?.ping.rtt.avg"} value=${text.value} onInput=${(
        event,
      ) => {
        text.value = event.target.value;
        at.value = -1;
      }} onKeyDown=${key} />
    <span class="muted nowrap" role="status">${note}</span>
    ${
      found.length > 0 &&
      html`<ul class="pop" id="paths-found" role="listbox" aria-label="Paths">
      ${found.map(
        (path, i) =>
          html`<li id=${`path-${i}`} role="option" aria-selected=${i === at.value} onMouseDown=${(event) => {
            event.preventDefault();
            take(path);
          }}><span class="mono clip">${path}</span><span class="grow"></span><span class="muted small clip">${nameOf(path)}</span></li>`,
      )}</ul>`
    }</div>`;
}
