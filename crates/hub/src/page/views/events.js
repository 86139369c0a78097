// What devices told by themselves: traps and informs, the newest first.

import { get } from "../api.js";
import { accountId, entities, now, ours } from "../state.js";
import { html, useEffect, useSignal } from "../ui.js";
import { age, clock, moment } from "../numbers.js";
import { query, setQuery } from "../router.js";
import { Empty, Note, icon } from "../icons.js";
import { Head } from "../shell.js";

const LOOK_MS = 3_000;
const PAGE = 100;

/** Events of the account or of a device, as they come; older ones by a button. */
export function EventTable({ device, name = "", most = PAGE }) {
  const rows = useSignal(null),
    older = useSignal([]),
    end = useSignal(false),
    problem = useSignal(null);
  const ask = (more) => {
    const asked = new URLSearchParams({ limit: String(most), ...more });
    if (device) asked.set("entity", String(device.id));
    if (name) asked.set("name", name);
    return get(ours(`device-events?${asked}`));
  };
  useEffect(() => {
    let timer = 0,
      gone = false;
    const look = async () => {
      try {
        const { list } = await ask({});
        if (gone) return;
        rows.value = list;
        problem.value = null;
      } catch (error) {
        problem.value = error.message;
      }
      if (!gone) timer = setTimeout(look, LOOK_MS);
    };
    older.value = [];
    end.value = false;
    look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [accountId.value, device?.id, name]);
  const shown = [...(rows.value ?? []), ...older.value];
  const before = async () => {
    const { list } = await ask({ before: String(shown[shown.length - 1].t) });
    const known = new Set(shown.map(({ id }) => id));
    older.value = [...older.value, ...list.filter(({ id }) => !known.has(id))];
    end.value = list.length < most;
  };
  if (problem.value && rows.value === null) return html`<div class="body"><${Note} kind="bad">${problem.value}.<//></div>`;
  if (rows.value === null) return html`<div class="body ghosts"><i></i><i></i><i></i></div>`;
  if (shown.length === 0)
    return html`<${Empty} sign="clock" title=${name ? "No event is called so" : "No event yet"}>${
      name ? "Another word may find more." : "Traps and informs of devices stand here once the SNMP bot listens for them (--traps 162), and devices send them to its machine."
    }<//>`;
  return html`<div class="scroll"><table class="t cards" aria-label="Events"><thead><tr><th>When</th>${!device && html`<th>Device</th>`}<th>Event</th><th>What it told</th></tr></thead>
    <tbody>${shown.map((event) => html`<${Row} key=${event.id} event=${event} device=${device} />`)}</tbody></table></div>
    ${shown.length >= most && !end.value && html`<footer><button type="button" class="btn quiet" onClick=${() => before().catch((error) => (problem.value = error.message))}>Older</button></footer>`}`;
}

const short = (name) => name.replace(/^.*::/, "");
const object = ({ name, value, unit }) => html`<span class="nowrap"><span class="muted" title=${name}>${short(name)}</span> ${value}${unit && ` ${unit}`}</span> `;

function Row({ event, device }) {
  const { t, entity, name, count: times, details, source } = event;
  const known = entities.value?.get(entity);
  return html`<tr><td class="muted nowrap" data-at="b"><time title=${moment(t)}>${clock(t, { withSeconds: true })}, ${age(Math.max(0, now.value - t))} ago</time></td>
    ${!device && html`<td data-at="a">${known ? html`<a class="name" href=${`/device/${entity}`}>${known.name}</a>` : html`<span class="muted">${source}</span>`}</td>`}
    <td class="nowrap" data-at=${device ? "a" : "c"}><b title=${name}>${short(name)}</b>${times > 1 && html` <span class="tag">${times} times</span>`}
      <span class="muted small"> ${details.kind ?? ""}</span></td>
    <td data-at="d">${(details.objects ?? []).map(object)}</td></tr>`;
}

export function Events() {
  const name = query.value.get("q") ?? "";
  return html`<${Head} title="Events" /><main class="page" id="main"><section class="card" aria-label="Events"><header class="ruled">
    <span class="muted">what devices told by themselves</span><span class="grow"></span>
    <div class="filter">${icon("search")}<input aria-label="Filter events" placeholder="linkDown" value=${name} onInput=${(event) => setQuery({ q: event.target.value })} /><kbd class="desk">/</kbd></div></header>
    <${EventTable} name=${name} /></section></main>`;
}

export const DeviceEvents = ({ device }) => html`<section class="card" aria-label="Events"><header class="ruled"><h2>Events</h2>
  <span class="muted">what the device told by itself</span></header><${EventTable} device=${device} /></section>`;
