// Any question to the raw flows, where they are kept beside this hub.

import { html, useEffect, useRef, useSignal } from "../ui.js";
import { age, count, shown } from "../numbers.js";
import { now } from "../state.js";
import { query, setQuery } from "../router.js";
import { ask, parsed } from "../parts/rawflows.js";
import { called } from "../parts/flowdata.js";

const MOST_ROWS = 50;
const COUNTS = ["bytes", "packets", "flows"];

export function RawCard({ device, at, kept }) {
  const typed = useSignal(query.value.get("q") ?? ""),
    state = useSignal({ done: null, running: false, answer: null, error: null, by: [], began: 0 }),
    stop = useRef(null);
  const run = async (text) => {
    stop.current?.abort();
    const control = (stop.current = new AbortController());
    const { filter, by } = parsed(text);
    state.value = { running: true, done: null, answer: null, error: null, by, began: Date.now() };
    const told = (done) => control.signal.aborted || (state.value = { ...state.value, done });
    try {
      const answer = await ask({ filter, by, from: at.from, to: at.to, top: MOST_ROWS, entity: device.id }, told, control.signal);
      state.value = { ...state.value, running: false, done: 1, answer };
    } catch (error) {
      if (stop.current === control) state.value = { ...state.value, running: false, error: control.signal.aborted ? "Stopped." : error.message };
    }
  };
  useEffect(() => {
    if (kept && query.value.get("q")) run(query.value.get("q"));
    return () => stop.current?.abort();
  }, [Boolean(kept)]);
  const submit = (event) => {
    event.preventDefault();
    if (state.value.running) return void stop.current?.abort();
    setQuery({ q: typed.value }, { replace: false });
    run(typed.value);
  };
  if (kept === undefined) return null;
  return html`<section class="card"><header class="ruled"><h2>Ask the raw flows</h2>
    <span class="muted">${kept ? html`kept ${age(now.value - kept.from)}, ${shown(kept.bytes, "B")}` : "none are kept"}</span></header><div class="body stack">${
      kept
        ? html`<form class="row" onSubmit=${submit}><div class="filter grow mono"><input aria-label="Flow query" spellcheck="false" autocapitalize="none"
        placeholder="src 198.51.100.0/24 and port 443 by dst" value=${typed.value} onInput=${(event) => (typed.value = event.target.value)} /></div>
        <button class="btn">${state.value.running ? "Stop" : "Ask"}</button></form><${Progress} state=${state.value} />
        ${state.value.error && html`<p class="bad" role="alert">${state.value.error}</p>`}<${Answer} state=${state.value} />`
        : html`<p>The account holds the ten largest of each interval. Started with <code>--flow-archive</code>, the NetFlow bot beside this hub keeps every flow, and any question can be asked here.</p>
        <pre class="snippet" tabindex="0">grafolean bot netflow --flow-archive</pre>`
    }</div></section>`;
}

function Progress({ state: { running, done, began } }) {
  if (!running) return null;
  const left = done > 0.02 ? ((Date.now() - began) / 1000 / done) * (1 - done) : null;
  const share = Math.round((done ?? 0) * 100);
  return html`<div class="row small"><span class="grow"><span class="bar full" role="progressbar" aria-label="Query" aria-valuenow=${share} aria-valuemin="0" aria-valuemax="100">
    <i style=${{ width: `${share}%` }}></i></span></span>
    <span class="soft nowrap">${done === null ? "beginning" : `${share} %${left === null ? "" : `, about ${Math.max(1, Math.round(left))} s left`}`}</span></div>`;
}

function Answer({ state: { answer, by } }) {
  if (!answer) return null;
  const rows = by.length ? answer.groups : [{ key: [], ...answer.total }];
  const word = (text, i) => (text === null ? html`<span class="muted">not told</span>` : (({ name, more }) => html`<span class="name">${name}</span> <span class="muted">${more}</span>`)(called(text, /port/.test(by[i]) ? "port" : "address")));
  return html`<p class="muted small" role="status">${count(answer.total.flows, "flow")} of ${count(answer.scanned, "flow")} looked at${by.length ? `, ${count(answer.groups_in_all, "group")}` : ""}</p>
    <div class="scroll"><table class="t" aria-label="Answer"><thead><tr>${by.map((one) => html`<th>${one}</th>`)}${COUNTS.map((one) => html`<th class="num">${one}</th>`)}<th class="num">Share</th></tr></thead>
    <tbody>${rows.map(
      (row) => html`<tr>${row.key.map((text, i) => html`<td>${word(text, i)}</td>`)}<td class="num">${shown(row.bytes, "B")}</td><td class="num">${shown(row.packets, "")}</td>
      <td class="num">${shown(row.flows, "")}</td><td class="num">${shown(answer.total.bytes ? row.bytes / answer.total.bytes : null, "ratio")}</td></tr>`,
    )}</tbody></table></div>`;
}
