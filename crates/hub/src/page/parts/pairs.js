// Who talks to whom: a Sankey of two or three columns on d3-sankey's layout.

import { html, useEffect, useRef, useSignal } from "../ui.js";
import { written } from "../numbers.js";
import { Sankey } from "../vendor/d3-sankey.js";

const MOST_BANDS = 30;
const HEIGHT = 380;
const NARROW = 560;
const [NODE, GAP, HEAD] = [9, 12, 20];
const COLOURS = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];
const kind = (colour) => `k${colour === "q" ? "q" : colour.replace(/\D/g, "") || 0}`;

/**
 * `links`: `[{nodes: [name, ...], key, bytes}]`, largest first; `most`: nodes of each column, the rest are "others";
 * `colours`: those that sources have elsewhere; `narrow(key, alone)` for a click on a source.
 */
export function Pairs({ links, most, heads, colours, narrow }) {
  const box = useRef(null),
    width = useSignal(0);
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => (width.value = contentRect.width));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return html`<div ref=${box}>${width.value > 0 && html`<${Drawing} graph=${graphOf(links, most, colours)} heads=${heads} width=${width.value} narrow=${narrow} />`}</div>`;
}

/** Nodes and bands: the largest of each column by name, all others together. */
function graphOf(links, most, colours) {
  const sums = most.map((_, column) => {
    const found = new Map();
    for (const { nodes, bytes } of links) found.set(nodes[column], (found.get(nodes[column]) ?? 0) + bytes);
    return found;
  });
  const kept = sums.map((found, column) => new Set([...found].sort(([, a], [, b]) => b - a).slice(0, found.size > most[column] ? most[column] - 1 : most[column]).map(([name]) => name)));
  const name = (nodes, column) => (kept[column].has(nodes[column]) ? nodes[column] : "others");
  const keys = new Map(links.map(({ nodes, key }) => [nodes[0], key]));
  const own = colours?.([...kept[0]].map((one) => keys.get(one)));
  const colourOf = (source) => (source === "others" ? "other" : (own?.get(keys.get(source)) ?? COLOURS[[...kept[0]].indexOf(source) % COLOURS.length]));
  const bands = new Map();
  for (const { nodes, bytes } of links) {
    for (let column = 0; column + 1 < most.length; column++) {
      const [from, to, source] = [name(nodes, column), name(nodes, column + 1), name(nodes, 0)];
      const id = JSON.stringify([column, from, to, source]);
      const band = bands.get(id) ?? { source: `${column}${from}`, target: `${column + 1}${to}`, value: 0, colour: colourOf(source), of: source };
      band.value += bytes;
      bands.set(id, band);
    }
  }
  const all = [...bands.values()].filter(({ value }) => value > 0).sort((a, b) => b.value - a.value).slice(0, MOST_BANDS * (most.length - 1));
  const nodes = new Map();
  for (const { source, target } of all)
    for (const id of [source, target]) {
      const [column, text] = [Number(id[0]), id.slice(1)];
      nodes.set(id, { id, column, name: text, key: column === 0 ? keys.get(text) : null, colour: column === 0 ? colourOf(text) : "q" });
    }
  return { nodes: [...nodes.values()], links: all };
}

function Drawing({ graph, heads, width, narrow }) {
  const slim = width < NARROW,
    inset = slim ? 0 : 150,
    last = heads.length - 1;
  const layout = new Sankey()
    .nodeId(({ id }) => id)
    .nodeWidth(NODE)
    .nodePadding(GAP)
    .extent([
      [inset, HEAD],
      [width - inset, HEIGHT - 6],
    ]);
  const { nodes, links } = layout({ nodes: graph.nodes.map((one) => ({ ...one })), links: graph.links.map((one) => ({ ...one })) });
  const band = ({ source, target, y0, y1, width: thick, colour, value, of }) => {
    const middle = (source.x1 + target.x0) / 2;
    return html`<path class=${kind(colour)} stroke-width=${Math.max(1, thick).toFixed(1)} 
      d=${`M${source.x1} ${y0.toFixed(1)}C${middle} ${y0.toFixed(1)} ${middle} ${y1.toFixed(1)} ${target.x0} ${y1.toFixed(1)}`}>
      <title>${of === source.name ? "" : `${of} → `}${source.name} → ${target.name}: ${written(value, "B")}</title></path>`;
  };
  const label = ({ x0, x1, y0, y1, column, name, value, colour, key }) => {
    const inside = slim || (column > 0 && column < last);
    const left = column === 0 ? !inside : column === last && inside;
    const x = left ? x0 - 5 : x1 + 5;
    const click = narrow && key && ((event) => narrow(key, event.altKey));
    return html`<g class=${click ? "click" : ""} onClick=${click}><rect class=${kind(colour)} x=${x0} y=${y0} width=${NODE} height=${Math.max(2, y1 - y0)} rx="1.5" />
      <text x=${x} y=${(y0 + y1) / 2 + 4} text-anchor=${left ? "end" : "start"}>${name}${!slim && html` <tspan class="v"> ${written(value, "B")}</tspan>`}</text></g>`;
  };
  const head = (text, i) => html`<text class="v" y="10" x=${[inset, width / 2, width - inset][last === 1 && i === 1 ? 2 : i]} 
    text-anchor=${i === 0 ? "start" : i === last ? "end" : "middle"}>${text}</text>`;
  return html`<svg class="sankey" viewBox=${`0 0 ${width} ${HEIGHT}`} height=${HEIGHT} role="img" 
    aria-label="Bytes from source to destination; the tables beside hold the same figures">${heads.map(head)}${links.map(band)}${nodes.map(label)}</svg>`;
}
