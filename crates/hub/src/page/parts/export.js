// What is shown, as a file: CSV at full precision, PNG with its title and range.

import { resolved } from "./colours.js";
import { span } from "./range.js";

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.dataset.outside = "";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Series as CSV: ISO times, a column each with its unit in the head; a missing value is an empty field. */
export function csv(series) {
  const byTime = new Map();
  series.forEach(({ points }, k) => points.forEach(({ t, v }) => byTime.set(t, (byTime.get(t) ?? new Map()).set(k, v))));
  const head = ["time", ...series.map(({ path, unit }) => quoted(unit ? `${path} (${unit})` : path))].join(",");
  const rows = [...byTime]
    .sort(([a], [b]) => a - b)
    .map(([t, values]) => [new Date(t * 1000).toISOString(), ...series.map((one, k) => values.get(k) ?? "")].join(","));
  return `${[head, ...rows].join("\n")}\n`;
}

export const exportCsv = (series) => save("grafolean.csv", new Blob([csv(series)], { type: "text/csv" }));

/** The charts below `root`, one under the other, with titles, range and legend, in the theme that is shown. */
export function exportPng(root, { from, to }) {
  const cards = [...root.querySelectorAll(".card")].filter((card) => card.querySelector("canvas"));
  if (cards.length === 0) return;
  const [edge, line] = [16, 20],
    ratio = devicePixelRatio;
  const parts = cards.map((card) => ({
    title: card.querySelector("h2").textContent,
    canvas: card.querySelector("canvas"),
    names: [...card.querySelectorAll(".series")].map((name) => ({
      text: name.textContent.trim(),
      colour: getComputedStyle(name.querySelector(".swatch")).backgroundColor,
    })),
  }));
  const heightOf = ({ canvas, names }) => line * 1.6 + canvas.height / ratio + names.length * line + edge;
  const width = Math.max(...parts.map(({ canvas }) => canvas.width / ratio)) + 2 * edge;
  const sheet = document.createElement("canvas");
  sheet.width = width * ratio;
  sheet.height = (edge + parts.reduce((sum, part) => sum + heightOf(part), 0)) * ratio;
  const pen = sheet.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = resolved("surface");
  pen.fillRect(0, 0, width, sheet.height);
  let y = edge;
  for (const part of parts) {
    pen.fillStyle = resolved("ink");
    pen.font = "600 14px Inter, system-ui, sans-serif";
    pen.fillText(`${part.title}, ${span(from, to)}`, edge, y + 12);
    pen.drawImage(part.canvas, edge, y + line * 1.6, part.canvas.width / ratio, part.canvas.height / ratio);
    pen.font = "12px Inter, system-ui, sans-serif";
    part.names.forEach(({ text, colour }, i) => {
      const at = y + line * 1.6 + part.canvas.height / ratio + i * line;
      pen.fillStyle = colour;
      pen.fillRect(edge, at + 4, 12, 4);
      pen.fillStyle = resolved("ink-2");
      pen.fillText(text, edge + 20, at + 10);
    });
    y += heightOf(part);
  }
  sheet.toBlob((blob) => blob && save("grafolean.png", blob), "image/png");
}
