// Who talks to whom: sources and destinations as a Sankey on d3-sankey's layout.

import { html, useEffect, useRef, useSignal } from "../ui.js";
import { written } from "../numbers.js";
import { Sankey } from "../vendor/d3-sankey.js";

const MOST_BANDS = 12;
const HEIGHT = 380;
const [NODE, GAP, HEAD] = [9, 12, 20];

/** `rows`: `{name: "source → destination", bytes, colour}`, largest first. */
export function Pairs({ rows }) {
  const box = useRef(null),
    width = useSignal(0);
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => (width.value = contentRect.width));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const some = rows.slice(0, MOST_BANDS).filter(({ bytes }) => bytes > 0);
  return html`<section class="card"><header class="ruled"><h2>Source to destination</h2><span class="muted">${some.length} largest pairs</span>
    </header>
    <div class="body" ref=${box}>${width.value > 0 && some.length > 0 && html`<${Drawing} rows=${some} width=${width.value} />`}</div></section>`;
}

function Drawing({ rows, width }) {
  const names = new Map();
  const node = (side, name, colour) => {
    const key = `${side}${name}`;
    if (!names.has(key)) names.set(key, { key, name, side, colour });
    return key;
  };
  const links = rows.map(({ name, bytes, colour }) => {
    const [from, to] = name.split(" → ");
    return { source: node("s", from, colour), target: node("d", to, "other"), value: bytes, colour: names.get(`s${from}`).colour };
  });
  const layout = new Sankey()
    .nodeId(({ key }) => key)
    .nodeWidth(NODE)
    .nodePadding(GAP)
    .extent([
      [width < 560 ? 0 : 130, HEAD],
      [width - (width < 560 ? 0 : 130), HEIGHT - 6],
    ]);
  const { nodes, links: bands } = layout({ nodes: [...names.values()], links });
  const kind = (colour) => `k${colour.replace(/\D/g, "") || 0}`;
  const band = ({ source, target, y0, y1, width: thick, colour, value }) => {
    const middle = (source.x1 + target.x0) / 2;
    return html`<path class=${kind(colour)} stroke-width=${Math.max(1, thick).toFixed(1)} 
      d=${`M${source.x1} ${y0.toFixed(1)}C${middle} ${y0.toFixed(1)} ${middle} ${y1.toFixed(1)} ${target.x0} ${y1.toFixed(1)}`}>
      <title>${source.name} → ${target.name}: ${written(value, "B")}</title></path>`;
  };
  const name = ({ x0, x1, y0, y1, side, name: text, value, colour }) => {
    const inside = width < 560,
      left = side === "s";
    const x = left ? (inside ? x1 + 5 : x0 - 6) : inside ? x0 - 5 : x1 + 6;
    return html`<rect class=${kind(colour)} x=${x0} y=${y0} width=${NODE} height=${Math.max(2, y1 - y0)} rx="1.5" />
      <text x=${x} y=${(y0 + y1) / 2 + 4} text-anchor=${left !== inside ? "end" : "start"}>${text}${
        !inside &&
        html` <tspan class="v">
        ${written(value, "B")}</tspan>`
      }</text>`;
  };
  return html`<svg class="sankey" viewBox=${`0 0 ${width} ${HEIGHT}`} height=${HEIGHT} role="img" 
    aria-label="Bytes from source to destination; the table beside it has the figures">${bands.map(band)}${nodes.map(name)}</svg>`;
}
