// Where flows go: source, interface and destination of raw flows; where none are kept the stored pairs, which know no interface.

import { html } from "../ui.js";
import { called, useFlows } from "../parts/flowdata.js";
import { Pairs } from "../parts/pairs.js";
import { useAnswer } from "../parts/rawflows.js";
import { interfacesOf } from "./flows.js";

const [SOURCES, VIAS, DESTINATIONS] = [8, 6, 6];
const MOST_GROUPS = 400;

/** What a view shows, as a filter of raw flows. */
export function condition({ index, direction, by, only, not }) {
  const of = { address: direction === "ingress" ? "src" : "dst", port: "dst port", protocol: "proto" }[by];
  const one = (key) => (by === "pair" ? key.replace(/^(.*) → (.*)$/, "(src $1 and dst $2)") : `${of} ${key}`);
  return [
    direction,
    index === null ? "" : `${direction === "ingress" ? "in" : "out"} if ${index}`,
    only.length ? `(${only.map(one).join(" or ")})` : "",
    ...not.map((key) => `not ${one(key)}`),
  ]
    .filter(Boolean)
    .join(" and ");
}

export function WhereItGoes({ device, index, direction, by, at, only, not, kept, colours, narrow }) {
  const filter = condition({ index, direction, by, only, not });
  const question = kept ? { filter, by: ["src", direction === "ingress" ? "in" : "out", "dst"], from: at.from, to: at.to, top: MOST_GROUPS, entity: device.id } : null;
  const answer = useAnswer(question, `${filter}|${(at.to - at.from).toFixed(0)}|${at.live || at.from}`, at.live);
  const stored = useFlows(kept === null && index === null ? device.id : null, { index, direction, by: "pair", top: 30 }, at);
  const names = interfacesOf(device);
  const word = (text) => (text === null ? "not told" : called(text, "address").name);
  const via = (text) => (text === null ? "not told" : (names.get(text) ?? `interface ${text}`));
  const links = kept
    ? (answer?.groups ?? []).map(({ key: [from, middle, to], bytes }) => ({ nodes: [word(from), via(middle), word(to)], key: from, bytes }))
    : (stored.found?.top ?? []).map(({ key: [from, to], bytes }) => ({ nodes: [word(from), word(to)], key: from, bytes }));
  const waiting = kept ? answer === null : kept === undefined || (index === null && stored.found === null);
  return html`<section class="card"><header><h2>Where it goes</h2><span class="muted">${kept ? "source, interface, destination" : "source, destination"}</span></header>
    <div class="body stack">${
      answer?.error
        ? html`<p class="bad">${answer.error}</p>`
        : waiting
          ? html`<div class="ghosts"><i></i><i></i><i></i></div>`
          : links.length
            ? html`<${Pairs} links=${links} most=${kept ? [SOURCES, VIAS, DESTINATIONS] : [SOURCES, DESTINATIONS]} 
              heads=${kept ? ["Source", "Interface", "Destination"] : ["Source", "Destination"]} colours=${by === "address" && direction === "ingress" ? colours : null} narrow=${by === "address" && direction === "ingress" ? narrow : null} />`
            : html`<p class="empty">No flows in this range.</p>`
    }${kept === null && html`<p class="small muted">Raw flows are not kept beside this hub, so pairs alone are known: not the interface between.${index === null ? "" : " Of an interface there are none."}</p>`}</div></section>`;
}
