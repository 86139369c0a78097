// The largest of an exporter as tables: of what the chart stacks, and of ports and protocols beside it.

import { html, signal } from "../ui.js";
import { shown } from "../numbers.js";
import { BY, called, useFlows } from "../parts/flowdata.js";
import { useAnswer } from "../parts/rawflows.js";
import { condition } from "./flows_where.js";

const MOST_BESIDE = 5;
/** Whether things are called by their names or their addresses. */
const asAddresses = signal(false);

const named = (key, by) => {
  const { name, more } = called(key, by);
  return asAddresses.value && by === "address" ? { name: key, more: more ? name : "" } : { name, more };
};

export function Top({ parts, by, direction, more, narrow }) {
  const { word, of } = BY[by];
  const share = (bytes) => shown(parts.bytes ? bytes / parts.bytes : null, "ratio");
  const click = (key) => (event) => (event.preventDefault(), narrow(key, event.altKey));
  const row = ({ key, bytes, colour }) => {
    const { name, more: aside } = named(key, by);
    return html`<tr key=${key}><td class="who"><i class=${`swatch block k${colour.replace(/\D/g, "") || 0}`}></i> ${" "}<a class="name" href="#" 
      title="Click narrows, Alt click leaves it out" onClick=${click(key)}>${name}</a><span class="muted">${aside}</span></td>
      <td class="num">${shown(bytes, "B")}</td><td class="num">${share(bytes)}</td></tr>`;
  };
  return html`<section class="card"><header class="ruled"><h2>Top ${{ Address: of[direction] + "s", Protocol: "protocols", Port: "ports", Pair: "pairs" }[word].toLowerCase()}</h2>
    <span class="grow"></span>${
      by === "address" &&
      html`<div class="seg" role="group" aria-label="Written as">
      <button type="button" aria-pressed=${!asAddresses.value} onClick=${() => (asAddresses.value = false)}>Names</button>
      <button type="button" aria-pressed=${asAddresses.value} onClick=${() => (asAddresses.value = true)}>Addresses</button></div>`
    }</header>
    <div class="scroll"><table class="t"><thead><tr><th>${of[direction]}</th><th class="num">Bytes</th><th class="num">Share</th></tr></thead>
      <tbody>${parts.rows.map(row)}${
        parts.others !== null &&
        parts.rows.length > 0 &&
        html`<tr><td class="who" title="Smaller ones, and those not among the ten largest of their interval"><i class="swatch block k0"></i> ${" "}<span class="name">others</span></td><td class="num">${shown(parts.others, "B")}</td><td class="num">${share(parts.others)}</td></tr>`
      }</tbody></table></div>
    ${more && html`<footer class="muted small">More were among the ten largest than are read here: choose a shorter range.</footer>`}</section>`;
}

/** Ports and protocols: what is stored, or where a view is narrowed and raw flows are kept, exactly those of it. */
export function Shares(view) {
  const { index, direction, by } = view;
  const tables = [
    ["port", "Destination ports", "Port", index === null],
    ["protocol", "Protocols", "Protocol", true],
  ];
  return tables.map(([name, title, head, stored]) => name !== by && html`<${Share} key=${name} ...${view} name=${name} title=${title} head=${head} stored=${stored} direction=${direction} />`);
}

function Share({ device, index, direction, at, only, not, by, kept, name, title, head, stored }) {
  const exact = Boolean(kept) && (only.length > 0 || not.length > 0 || !stored);
  const question = exact ? { filter: condition({ index, direction, by, only, not }), by: [name === "port" ? "dport" : "proto"], from: at.from, to: at.to, top: MOST_BESIDE, entity: device.id } : null;
  const answer = useAnswer(question, `${name}|${question?.filter}|${(at.to - at.from).toFixed(0)}|${at.live || at.from}`, at.live);
  const { found } = useFlows(stored && !exact ? device.id : null, { index, direction, by: name, top: MOST_BESIDE }, at);
  const rows = exact
    ? (answer?.groups ?? []).map(({ key, bytes }) => ({ key: key[0] ?? "not told", bytes }))
    : (found?.top ?? []).map(({ key, bytes }) => ({ key: key.join(" "), bytes }));
  const total = exact ? answer?.total?.bytes : found?.total.bytes;
  if (!exact && !stored) return null;
  return html`<section class="card"><header class="ruled"><h2>${title}</h2></header><div class="scroll"><table class="t">
    <thead><tr><th>${head}</th><th class="num">Bytes</th><th class="num">Share</th></tr></thead><tbody>${rows.map(({ key, bytes }) => {
      const { name: text, more } = called(key, name);
      return html`<tr key=${key}><td class="who"><span class="name">${text}</span><span class="muted">${more}</span></td><td class="num">${shown(bytes, "B")}</td>
      <td class="num">${shown(total ? bytes / total : null, "ratio")}</td></tr>`;
    })}</tbody></table>${rows.length === 0 && html`<p class="empty">${(exact ? answer : found) ? "Nothing in this range." : "Reading …"}</p>`}</div></section>`;
}
