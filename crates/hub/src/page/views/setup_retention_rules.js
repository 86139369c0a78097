// Rules of an account by path, and sizes: how long its values are kept.

import { get, put } from "../api.js";
import { api } from "../state.js";
import { html, useEffect, useSignal } from "../ui.js";
import { Note, icon } from "../icons.js";
import { count, shown } from "../numbers.js";
import { say } from "../parts/dialog.js";
import { FormCard } from "../parts/save.js";

const DAY_S = 86_400;
const GIB = 2 ** 30;

/** Fields hold text: days and GiB, empty where there is no bound. */
const days = (seconds) => (seconds === null ? "" : String(seconds / DAY_S));
const gib = (bytes) => (bytes === null ? "" : String(+(bytes / GIB).toFixed(3)));
const scaled = (text, unit) => (text.trim() === "" ? null : Math.round(Number(text) * unit));
const sensible = (text) => text.trim() === "" || Number(text) >= 0;
const fresh = () => ({ filter: "", values: "", hours: "", size: "" });

/** For the account that is looked at. */
export function Rules() {
  const kept = useSignal(null);
  const rules = useSignal([]);
  const size = useSignal("");
  const changed = useSignal(false);
  const load = async () => {
    const found = await get(api("retention"));
    kept.value = found;
    size.value = gib(found.max_bytes);
    rules.value = found.rules.map((rule) => ({
      filter: rule.filter,
      values: days(rule.values_seconds),
      hours: days(rule.hours_seconds),
      size: gib(rule.max_bytes),
    }));
    changed.value = false;
  };
  useEffect(() => void load().catch((error) => say(error.message)), []);
  if (kept.value === null) return null;
  const { hub, usage, disk } = kept.value;
  const set = (at, name) => (event) => {
    rules.value = rules.value.map((rule, n) => (n === at ? { ...rule, [name]: event.target.value } : rule));
    changed.value = true;
  };
  const check = () => {
    const faults = new Map(sensible(size.value) ? [] : [["/size", "A number of GiB, or nothing."]]);
    rules.value.forEach(({ filter, ...numbers }, at) => {
      if (!filter.trim()) faults.set(`/${at}/path`, "This is needed.");
      for (const [name, text] of Object.entries(numbers)) if (!sensible(text)) faults.set(`/${at}/${name}`, "A number, or nothing.");
    });
    return faults;
  };
  const save = async () => {
    await put(api("retention"), {
      max_bytes: scaled(size.value, GIB),
      rules: rules.value.map((rule) => ({
        filter: rule.filter.trim(),
        values_seconds: scaled(rule.values, DAY_S),
        hours_seconds: scaled(rule.hours, DAY_S),
        max_bytes: scaled(rule.size, GIB),
      })),
    });
    await load();
    say("What is to go goes soon");
  };
  const spare = disk.free_bytes !== null && disk.free_bytes < 2 * disk.reserve_bytes;
  const span = (seconds) => (seconds === null ? "for ever" : count(Math.round(seconds / DAY_S), "day"));
  const field = (at, name, label) => html`<td class="num"><input class="input" inputmode="decimal" id=${`f-${at}-${name}`} 
    aria-label=${label} placeholder="for ever" value=${rules.value[at][name]} onInput=${set(at, name)} /></td>`;
  return html`<${FormCard} title="Rules of this account" check=${check} save=${save} dirty=${changed.value}>
    <p class="small muted">${count(usage.series, "series")} with ${shown(usage.bytes, "By")} on disk${
      disk.free_bytes !== null && html`; the disk has ${shown(disk.free_bytes, "By")} free`
    }. Unless a rule says otherwise values stay ${span(hub.values_seconds)}${
      hub.values_seconds !== null && html`, and what they amounted to in each hour ${span(hub.hours_seconds)}`
    }.</p>
    ${spare && html`<${Note} kind="bad" alert>The disk is nearly full: below ${shown(disk.reserve_bytes, "By")} values are refused.<//>`}
    <table class="t" aria-label="Rules by path"><thead><tr><th>Paths</th><th class="num">Values, days</th><th class="num">Hours, days</th>
      <th class="num">At most, GiB</th><th><span class="sr">Actions</span></th></tr></thead><tbody>${rules.value.map(
        (rule, at) => html`<tr key=${at}><td><input class="input" id=${`f-${at}-path`} aria-label="Paths" placeholder="netflow.*" 
          value=${rule.filter} onInput=${set(at, "filter")} /></td>${field(at, "values", "Values, days")}${field(at, "hours", "Hours, days")}
          <td class="num"><input class="input" inputmode="decimal" id=${`f-${at}-size`} aria-label="At most, GiB" placeholder="no bound" 
            value=${rule.size} onInput=${set(at, "size")} /></td>
          <td><button type="button" class="btn small quiet icon" aria-label=${`Remove the rule ${at + 1}`} onClick=${() => {
            rules.value = rules.value.filter((_, n) => n !== at);
            changed.value = true;
          }}>${icon("trash")}</button></td></tr>`,
      )}</tbody></table>
    <div class="row"><button type="button" class="btn small" onClick=${() => {
      rules.value = [...rules.value, fresh()];
      changed.value = true;
    }}>Add a rule</button></div>
    <div class="field"><label for="f-size">All values of this account take at most, in GiB</label>
      <input class="input" id="f-size" inputmode="decimal" placeholder="no bound" value=${size.value} onInput=${(event) => {
        size.value = event.target.value;
        changed.value = true;
      }} /></div><//>`;
}
