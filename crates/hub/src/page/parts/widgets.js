// The widgets of a dashboard: what each shows, and the form by which it is made.

import { get } from "../api.js";
import { api, lastValues, now } from "../state.js";
import { html, useEffect, useSignal } from "../ui.js";
import { age, shown } from "../numbers.js";
import { ChartCard, drawable, nameOf } from "./chart.js";
import { MOST_SERIES } from "./colours.js";
import { display } from "./outputs.js";
import { PathFilter } from "./pathfilter.js";
import { useSeries } from "./series.js";

export const KINDS = [
  { type: "chart", word: "Chart" },
  { type: "lastvalue", word: "Last value" },
  { type: "gauge", word: "Gauge" },
  { type: "topn", word: "Highest" },
];
const MOST_PATHS = 200;

/** What a widget's content says. Grafolean keeps it as a text of its own; what cannot be read is nothing. */
export function read({ content }) {
  if (typeof content !== "string") return content ?? {};
  try {
    const found = JSON.parse(content);
    return Array.isArray(found)
      ? { paths: found.flatMap(({ path_filter: filter, path }) => filter ?? path ?? []) }
      : { ...found, paths: found.paths ?? [found.path_filter ?? found.path ?? found.path_input].filter(Boolean) };
  } catch {
    return {};
  }
}

/** Paths that the filters of a widget match. */
function usePaths(filters) {
  const found = useSignal([]);
  useEffect(() => {
    const wild = filters.filter((one) => /[*?]/.test(one)),
      plain = filters.filter((one) => !/[*?]/.test(one));
    if (wild.length === 0) return void (found.value = plain);
    get(api(`paths?filter=${wild.map(encodeURIComponent).join(",")}&limit=${MOST_PATHS}`)).then(
      ({ paths }) =>
        (found.value = [
          ...plain,
          ...Object.values(paths)
            .flat()
            .map(({ path }) => path),
        ]),
      () => (found.value = plain),
    );
  }, [filters.join()]);
  return found.value;
}

export function Widget({ widget, at }) {
  const content = read(widget);
  const View = { chart: ChartWidget, lastvalue: LastValue, gauge: Gauge, topn: Highest }[widget.type];
  if (!View)
    return html`<section class="card"><header><h2>${widget.title}</h2></header>
    <p class="empty">A widget of type ${widget.type} is kept, and not drawn here.</p></section>`;
  return html`<${View} title=${widget.title} content=${content} at=${at} />`;
}

function ChartWidget({ title, content, at }) {
  const paths = usePaths(content.paths ?? []).slice(0, MOST_SERIES);
  const { found } = useSeries(paths, at);
  return html`<${ChartCard} title=${title} series=${found ? drawable(paths, found) : []} from=${at.from} to=${at.to} legend=${paths.length > 1} 
    sync="board" />`;
}

/** The last value of a path: written, with its age; null where it has none. */
function last(path) {
  const value = lastValues.value?.get(path);
  const { unit, factor } = display(path ?? "");
  return value ? { v: value.v * factor, unit, old: age(now.value - value.t) } : null;
}

function LastValue({ title, content }) {
  const [path] = usePaths(content.paths ?? []);
  const value = last(path);
  return html`<section class="card"><header><h2>${title}</h2></header><div class="body big"><span class="value">
    ${shown(value?.v ?? null, value?.unit)}</span><span class="muted">${value ? `${value.old} ago` : "no value"}</span></div></section>`;
}

function Gauge({ title, content }) {
  const paths = usePaths(content.paths ?? []).slice(0, MOST_SERIES);
  const most = Number(content.max) || null;
  return html`<section class="card"><header><h2>${title}</h2></header><div class="body stack">${paths.map((path) => {
    const value = last(path),
      share = value && (value.unit === "ratio" ? value.v : most ? value.v / most : null);
    return html`<div class="gauge" key=${path}><span class="clip">${nameOf(path)}</span><span>${shown(value?.v ?? null, value?.unit)}
      </span>${
        share !== null &&
        share !== undefined &&
        html`<span class="bar full thick" aria-hidden="true">
      <i style=${{ width: `${Math.max(0, Math.min(100, share * 100))}%` }}></i></span>`
      }</div>`;
  })}${paths.length === 0 && html`<p class="muted">no path matches</p>`}</div></section>`;
}

function Highest({ title, content }) {
  const filter = content.paths?.[0] ?? "",
    many = Number(content.n) || 5;
  const found = useSignal(null);
  useEffect(() => {
    if (filter)
      get(api(`topvalues?f=${encodeURIComponent(filter)}&n=${many}`)).then(
        (answer) => (found.value = answer),
        () => (found.value = { list: [] }),
      );
  }, [filter, many, Math.floor(now.value / 10)]);
  return html`<section class="card"><header><h2>${title}</h2></header><div class="scroll"><table class="t">
    <tbody>${(found.value?.list ?? []).map(({ p, v }) => {
      const { unit, factor } = display(p);
      return html`<tr key=${p}><td class="who" title=${p}>${nameOf(p)}</td><td class="num">${shown(v * factor, unit)}</td></tr>`;
    })}</tbody></table>${found.value?.list.length === 0 && html`<p class="empty">no value matches</p>`}</div></section>`;
}

/** Asks for what a widget shows: a title, paths, and the one number that some need. */
export function WidgetForm({ widget, save, cancel }) {
  const title = useSignal(widget.title),
    paths = useSignal(widget.content.paths ?? []),
    number = useSignal(widget.content.n ?? widget.content.max ?? ""),
    problem = useSignal(null);
  const asks = { topn: ["n", "How many"], gauge: ["max", "Full at"] }[widget.type];
  const submit = async (event) => {
    event.preventDefault();
    if (paths.value.length === 0) return void (problem.value = "Add a path, or a filter such as entity.?.ping.rtt.avg.");
    await save({
      ...widget,
      title: title.value.trim(),
      content: { paths: paths.value, ...(asks && number.value !== "" && { [asks[0]]: Number(number.value) }) },
    }).catch((error) => (problem.value = error.message));
  };
  return html`<form class="card" onSubmit=${submit}><header class="ruled">
    <h2>${widget.id ? "Edit" : "New"}: ${KINDS.find(({ type }) => type === widget.type).word}</h2></header><div class="body form slim">
    ${problem.value && html`<p class="bad full" role="alert">${problem.value}</p>`}
    <div class="field"><label for="f-title">Title</label>
      <input class="input" id="f-title" required value=${title.value} onInput=${(event) => (title.value = event.target.value)} /></div>
    ${
      asks &&
      html`<div class="field"><label for="f-number">${asks[1]}</label>
      <input class="input" id="f-number" inputmode="decimal" value=${number.value} onInput=${(event) => (number.value = event.target.value)} />
      </div>`
    }
    <div class="field full"><span class="label">Paths</span><${PathFilter} value=${paths.value} change=${(next) => (paths.value = next)} note="" />
      </div></div>
    <footer><button class="btn primary">Save</button><button type="button" class="btn quiet" onClick=${cancel}>Cancel</button></footer></form>`;
}
