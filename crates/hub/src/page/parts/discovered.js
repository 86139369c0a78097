// What a scan tells beside the devices: whom to ask next, who has gone, how devices hang together.

import { html, useSignal } from "../ui.js";
import { count } from "../numbers.js";

const SHOWN = 20;
const TOLD = { lldp: "LLDP", cdp: "CDP", arp: "ARP" };
const EVIDENCE = {
  "lldp-both-sides": "LLDP, both sides",
  "lldp-one-side": "LLDP, one side",
  cdp: "CDP",
  fdb: "stations that bridges saw",
};

/** Neighbours that were not asked, and devices that no longer answer. Neither changes anything. */
export function Suggestions({ last, ask }) {
  const { candidates, vanished } = last;
  if (candidates.length === 0 && vanished.length === 0) return null;
  return html`<div class="cols two">
    ${vanished.length > 0 && html`<section class="card" aria-labelledby="gone"><header class="ruled"><h2 id="gone">No longer answer</h2>
      <span class="muted">set up here, and silent in the last scan</span></header><ul class="plain rows">${vanished.map(
        ({ entity, name, address }) => html`<li><a class="name" href=${`/device/${entity}`}>${name}</a> <span class="mono muted">${address}</span>
        <span class="grow"></span><a href=${`/why/device/${entity}`}>Why?</a></li>`,
      )}</ul></section>`}
    ${candidates.length > 0 && html`<section class="card" aria-labelledby="next"><header class="ruled"><h2 id="next">Ask next</h2>
      <span class="muted">neighbours that the devices tell of</span></header><ul class="plain rows">${candidates.slice(0, SHOWN).map(
        ({ address, name, told }) => html`<li><span class="mono">${address}</span> <b>${name ?? ""}</b> <span class="tag">${TOLD[told] ?? told}</span>
        <span class="grow"></span><button type="button" class="btn small" onClick=${() => ask(address)}>Scan</button></li>`,
      )}</ul>${candidates.length > SHOWN && html`<footer class="muted">and ${candidates.length - SHOWN} more</footer>`}</section>`}</div>`;
}

const end = ({ name, address, port }) => html`<b>${name || address}</b>${port && html` <span class="muted">${port}</span>`}`;

/** Links between devices, each with the evidence for it. */
export function Links({ links }) {
  const all = useSignal(false);
  const shown = all.value ? links : links.slice(0, SHOWN);
  return html`<section class="card" aria-labelledby="links"><header class="ruled"><h2 id="links">Topology</h2>
    <span class="muted">${count(links.length, "link")}, each with what tells of it; what is not sure is left out</span></header>
    <div class="scroll"><table class="t cards"><thead><tr><th>From</th><th>To</th><th>Known by</th></tr></thead><tbody>${shown.map(
      ({ from, to, evidence }) => html`<tr><td data-at="a">${end(from)}</td><td data-at="b">${end(to)}</td><td class="muted" data-at="c">${EVIDENCE[evidence] ?? evidence}</td></tr>`,
    )}</tbody></table></div>
    ${links.length > shown.length && html`<footer><button type="button" class="btn quiet" onClick=${() => (all.value = true)}>Show all ${links.length}</button></footer>`}</section>`;
}
