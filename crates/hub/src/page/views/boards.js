// Dashboards as Grafolean keeps them: named boards of widgets, each with a chart, a value or a list of the highest.

import { get, post, put, remove } from "../api.js";
import { api, now } from "../state.js";
import { html, signal, useEffect, useSignal } from "../ui.js";
import { go, segments } from "../router.js";
import { count } from "../numbers.js";
import { Empty, icon } from "../icons.js";
import { Head } from "../shell.js";
import { ask, say } from "../parts/dialog.js";
import { RangePicker, range } from "../parts/range.js";
import { RemoveButton } from "../parts/save.js";
import { KINDS, Widget, WidgetForm, read as readContent } from "../parts/widgets.js";

const boards = signal(null);
const load = async () => (boards.value = (await get(api("dashboards"))).list);

export function Boards() {
  const naming = useSignal(null);
  useEffect(() => void load(), []);
  const make = async (event) => {
    event.preventDefault();
    const { slug } = await post(api("dashboards"), { name: naming.value.trim() });
    go(`/board/${slug}/edit`);
  };
  return html`<${Head} title="Dashboards">
    ${
      naming.value === null &&
      html`<button type="button" class="btn primary" onClick=${() => (naming.value = "")}>
    ${icon("plus")}New dashboard</button>`
    }<//><main class="page" id="main">
    ${
      naming.value !== null &&
      html`<form class="card" onSubmit=${make}><div class="body row">
      <input class="input grow" aria-label="Name of the dashboard" placeholder="Uplinks" required autofocus value=${naming.value} 
        onInput=${(event) => (naming.value = event.target.value)} /><button class="btn primary">Create dashboard</button></div></form>`
    }
    <section class="card">${
      boards.value?.length
        ? html`<table class="t"><tbody>${boards.value.map(
            ({ name, slug }) => html`<tr key=${slug}>
      <td class="who"><a class="name" href=${`/board/${slug}`}>${name}</a></td><td class="num"><a href=${`/board/${slug}/edit`}>Edit</a></td></tr>`,
          )}
      </tbody></table>`
        : boards.value &&
          html`<${Empty} sign="boards" title="No dashboard yet">A dashboard puts charts and values of several devices on one page.<//>`
    }
        </section></main>`;
}

export function Board() {
  const [, slug, mode] = segments.value;
  const board = useSignal(null),
    problem = useSignal(null),
    adding = useSignal(null);
  const reload = async () => {
    try {
      board.value = await get(api(`dashboards/${slug}`));
    } catch (error) {
      problem.value = error.message;
    }
  };
  useEffect(() => void reload(), [slug]);
  const at = range(now.value),
    editing = mode === "edit";
  if (problem.value)
    return html`<${Head} title="No such dashboard" crumbs=${[["Dashboards", "/boards"]]} /><main class="page" id="main">
    <section class="card"><${Empty} title="No such dashboard" action=${html`<a class="btn" href="/boards">All dashboards</a>`}>${problem.value}<//>
    </section></main>`;
  if (!board.value) return html`<${Head} title="Dashboard" crumbs=${[["Dashboards", "/boards"]]} />`;
  const drop = async (widget) => {
    if (!(await ask({ title: `Remove ${widget.title}?`, text: "Values that are stored stay.", yes: "Remove", no: "Keep it" }))) return;
    await remove(api(`dashboards/${slug}/widgets/${widget.id}`));
    await reload();
  };
  const save = async (widget) => {
    const body = { type: widget.type, title: widget.title, content: JSON.stringify(widget.content), p: "default" };
    await (widget.id ? put(api(`dashboards/${slug}/widgets/${widget.id}`), body) : post(api(`dashboards/${slug}/widgets`), body));
    adding.value = null;
    await reload();
  };
  const swap = async (i, j) => {
    const list = [...board.value.widgets];
    [list[i], list[j]] = [list[j], list[i]];
    await put(
      api(`dashboards/${slug}/widgets_positions`),
      list.map((one, y) => ({ widget_id: one.id, x: 0, y: y * 10, w: one.w ?? 12, h: one.h ?? 10, p: one.p ?? "default" })),
    ).catch((error) => say(error.message));
    await reload();
  };
  const gone = async () => {
    await remove(api(`dashboards/${slug}`));
    go("/boards");
  };
  const widgets = [...board.value.widgets].sort((a, b) => a.y - b.y || a.x - b.x);
  board.value.widgets = widgets;
  return html`<${Head} title=${board.value.name} crumbs=${[["Dashboards", "/boards"]]} more=${count(widgets.length, "widget")}><${RangePicker} />
    ${
      editing
        ? html`<${RemoveButton} what=${board.value.name} consequence="Its widgets go with it. Values that are stored stay." remove=${gone} />
        <a class="btn primary" href=${`/board/${slug}`}>Done</a>`
        : html`<a class="btn" href=${`/board/${slug}/edit`}>${icon("edit")}Edit</a>`
    }<//>
    <main class="page" id="main">${editing && html`<div class="row">${KINDS.map(({ type, word }) => html`<button type="button" class="btn" 
      onClick=${() => (adding.value = { type, title: "", content: {} })}>${icon("plus")}${word}</button>`)}</div>`}
      ${adding.value && html`<${WidgetForm} widget=${adding.value} save=${save} cancel=${() => (adding.value = null)} />`}
      ${
        widgets.length === 0 &&
        !editing &&
        html`<section class="card">
        <${Empty} sign="boards" title="Nothing on it yet" action=${html`<a class="btn primary" 
          href=${`/board/${slug}/edit`}>Add widgets</a>`}>Charts, single values and lists of the highest can stand here.<//></section>`
      }
      <div class="cols board">${widgets.map(
        (widget, i) => html`<div key=${widget.id} class=${widget.type === "chart" ? "w2" : ""}>
        <${Widget} widget=${widget} at=${at} />
        ${
          editing &&
          html`<p class="row"><button type="button" class="btn small" disabled=${i === 0} onClick=${() => swap(i, i - 1)}>Earlier</button>
          <button type="button" class="btn small" disabled=${i === widgets.length - 1} onClick=${() => swap(i, i + 1)}>Later</button>
          ${KINDS.some(({ type }) => type === widget.type) && html`<button type="button" class="btn small" 
            onClick=${() => (adding.value = { ...widget, content: readContent(widget) })}>Edit</button>`}<button type="button" 
            class="btn small danger" onClick=${() => drop(widget)}>Remove</button></p>`
        }</div>`,
      )}</div></main>`;
}
