// What a widget shows is asked: a title, paths or an exporter, and the one number that some need.

import { html, useSignal } from "../ui.js";
import { BY } from "./flowdata.js";
import { PathFilter } from "./pathfilter.js";
import { flowPaths } from "./widget_flows.js";
import { USUAL_LIMITS } from "./widgets.js";

export const KINDS = [
  { type: "chart", word: "Chart" },
  { type: "lastvalue", word: "Last value" },
  { type: "gauge", word: "Gauge" },
  { type: "topn", word: "Highest" },
  { type: "netflow", word: "Flows" },
];
const ASKS = { topn: ["n", "How many"], gauge: ["max", "Full at, in the unit that is shown"] };

export function WidgetForm({ widget, exporters, save, cancel }) {
  const title = useSignal(widget.title),
    problem = useSignal(null);
  const content = useSignal({ paths: [], entity: exporters[0]?.id, direction: "ingress", by: "address", shown: "chart", ...widget.content });
  const set = (changes) => (content.value = { ...content.value, ...changes });
  const flows = widget.type === "netflow",
    asks = ASKS[widget.type];
  const submit = async (event) => {
    event.preventDefault();
    const { paths, entity, direction, by, shown, limits, [asks?.[0]]: number } = content.value;
    if (limits && !/^\s*\d+\s*,\s*\d+\s*$/.test(limits)) return void (problem.value = `“${limits}”; two whole numbers are needed, such as ${USUAL_LIMITS}.`);
    if (flows && !entity) return void (problem.value = "No device sends flows yet: add one with protocol netflow.");
    if (!flows && paths.length === 0) return void (problem.value = "Add a path, or a filter such as entity.?.ping.rtt.avg.");
    const told = flows ? { entity, direction, by, shown, paths: flowPaths({ entity, direction, by }) } : { paths, ...(asks && Number(number) > 0 && { [asks[0]]: Number(number) }), ...(widget.type === "gauge" && limits && { limits }) };
    await save({ ...widget, title: title.value.trim(), content: told }).catch((error) => (problem.value = error.message));
  };
  const choice = (name, word, list) => html`<div class="field"><label for=${`f-${name}`}>${word}</label>
    <select class="input" id=${`f-${name}`} value=${content.value[name]} onChange=${(event) => set({ [name]: name === "entity" ? Number(event.target.value) : event.target.value })}>
    ${list.map(([value, text]) => html`<option value=${value}>${text}</option>`)}</select></div>`;
  return html`<form class="card" onSubmit=${submit}><header class="ruled">
    <h2>${widget.id ? "Edit" : "New"}: ${KINDS.find(({ type }) => type === widget.type).word}</h2></header><div class="body form slim">
    ${problem.value && html`<p class="bad full" role="alert">${problem.value}</p>`}
    <div class="field"><label for="f-title">Title</label>
      <input class="input" id="f-title" required value=${title.value} onInput=${(event) => (title.value = event.target.value)} /></div>
    ${
      asks &&
      html`<div class="field"><label for="f-number">${asks[1]}</label>
      <input class="input" id="f-number" inputmode="decimal" value=${content.value[asks[0]] ?? ""} onInput=${(event) => set({ [asks[0]]: event.target.value })} /></div>`
    }
    ${
      widget.type === "gauge" &&
      html`<div class="field"><label for="f-limits">Amber and red from, in percent</label>
      <input class="input" id="f-limits" placeholder=${USUAL_LIMITS} value=${content.value.limits ?? ""} onInput=${(event) => set({ limits: event.target.value })} /></div>`
    }
    ${
      flows
        ? html`${choice(
            "entity",
            "Exporter",
            exporters.map(({ id, name }) => [id, name]),
          )}${choice("direction", "Direction", [
            ["ingress", "Ingress"],
            ["egress", "Egress"],
          ])}${choice(
            "by",
            "By",
            Object.entries(BY).map(([name, { word }]) => [name, word]),
          )}${choice("shown", "Shown as", [
            ["chart", "Chart"],
            ["table", "Table"],
          ])}`
        : html`<div class="field full"><span class="label">Paths</span><${PathFilter} value=${content.value.paths} change=${(paths) => set({ paths })} note="" /></div>`
    }</div>
    <footer><button class="btn primary">Save</button><button type="button" class="btn quiet" onClick=${cancel}>Cancel</button></footer></form>`;
}
