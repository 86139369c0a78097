// A sparkline: one or two short series on a scale from 0. Never the only place of a number.

import { html } from "../ui.js";

/** `series`: lists of `{t, v}` on one scale; `kinds`: the colour class of each; a missing point is a gap. */
export function Spark({ series, kinds = ["k1", "k2"], from, to, label, width = 72, height = 20, gap = Infinity, area = true }) {
  const top = Math.max(1e-12, ...series.flatMap((points) => points.map(({ v }) => v)));
  const x = (t) => (((t - from) / (to - from)) * width).toFixed(1);
  const y = (v) => (height - 1.5 - (Math.max(0, v) / top) * (height - 3)).toFixed(1);
  const line = (points) => points.map(({ t, v }, i) => `${i === 0 || t - points[i - 1].t > gap ? "M" : "L"}${x(t)} ${y(v)}`).join("");
  return html`<svg class="spark" viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label=${label}>
    ${series.map(
      (points, k) => html`<g class=${kinds[k]}>
      ${area && k === 0 && points.length > 1 && gap === Infinity && html`<path class="a" 
        d=${`${line(points)}L${x(points.at(-1).t)} ${height}L${x(points[0].t)} ${height}Z`} />`}
      <path class="l" d=${line(points)} vector-effect="non-scaling-stroke" /></g>`,
    )}
  </svg>`;
}
