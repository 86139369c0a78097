// How a device is made to send its flows here, and the light that turns green with its first datagram.

import { now, statuses } from "../state.js";
import { html, useSignal } from "../ui.js";
import { age, count } from "../numbers.js";
import { CopyButton } from "../parts/dialog.js";
import { PORT, SNIPPETS } from "../parts/snippets.js";
import { FORMATS } from "./flows_coverage.js";

/** What bots that listen for flows hear: where, and whom. */
const listening = () => (statuses.value ?? []).map(({ status }) => status?.heard).filter(Boolean);

/** Where the bot listens; its usual port if that is not known. */
const port = () => Number(listening()[0]?.listening[0]?.split(":").at(-1)) || PORT;

export function FlowsHere({ name, address }) {
  const vendor = useSignal(SNIPPETS[0].name);
  const { text, source, note, url } = SNIPPETS.find((one) => one.name === vendor.value);
  const put = { "{hub}": location.hostname.replace(/^\[|\]$/g, ""), "{port}": String(port()), "{device}": address || "192.0.2.1" };
  const pieces = text.split(/(\{hub\}|\{port\}|\{device\})/);
  return html`<div class="body ruled-top stack"><div class="row"><h3>Make ${name || "it"} send its flows here</h3><span class="grow"></span>
    <div class="seg strip" role="group" aria-label="Exporter">${SNIPPETS.map((one) => html`<button type="button" 
      aria-pressed=${one.name === vendor.value} onClick=${() => (vendor.value = one.name)}>${one.name}</button>`)}</div></div>
    <div class="copy" data-copy><pre class="snippet" tabindex="0">${pieces.map((piece) => (put[piece] ? html`<em>${put[piece]}</em>` : piece))}</pre>
      <${CopyButton} text=${pieces.map((piece) => put[piece] ?? piece).join("")} /></div>
    <p class="muted small">After <a href=${url} data-outside="" rel="noreferrer">${source}</a>; names of interfaces are yours. ${note}</p>
    <${Light} address=${address} /></div>`;
}

/** Waiting, heard, or heard from somewhere else. */
export function Light({ address }) {
  const heard = listening();
  if (statuses.value === null) return html`<p class="muted">Whether datagrams arrive is seen in Flows, about a minute after adding.</p>`;
  const all = heard.flatMap(({ exporters }) => exporters);
  const own = all.find((one) => one.address === address);
  const foreign = all.filter(({ named, address: other }) => !named && other !== address);
  const open = heard.length ? `UDP ${port()} is open and hears ${count(all.length, "exporter")}.` : `No bot has said yet that it listens on UDP ${port()}.`;
  if (own)
    return html`<p class="row" role="status"><span class="beacon" data-s="ok"></span> <b>First datagram heard</b><span class="muted">
      ${FORMATS[own.format] ?? own.format} from ${own.address}, the last ${age(now.value - own.last)} ago: ${count(own.flows, "flow")} so far.</span></p>`;
  return html`<p class="row" role="status"><span class="beacon" data-s="warn"></span> <b>Waiting for the first datagram</b><span class="muted">
    ${open} ${foreign.length > 0 && `Flows come from ${foreign.map((one) => one.address).join(", ")}, which no device has.`} This light turns green by itself.</span></p>`;
}
