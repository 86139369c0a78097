// Dashboards as Grafolean keeps them: named boards of widgets on a grid of twelve.

import { get, post, put, remove } from "../api.js";
import { api, now } from "../state.js";
import { html, signal, useEffect, useSignal } from "../ui.js";
import { go, segments } from "../router.js";
import { day } from "../numbers.js";
import { Empty, icon } from "../icons.js";
import { Head } from "../shell.js";
import { ask, say } from "../parts/dialog.js";
import { RangePicker, range } from "../parts/range.js";
import { RemoveButton } from "../parts/save.js";
import { Widget, read as readContent } from "../parts/widgets.js";
import { KINDS, WidgetForm } from "../parts/widget_form.js";
import { Shares, useShares } from "./boards_share.js";
import { exporters } from "./flows.js";

const RANGE = "-24h";
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
    ${naming.value === null && html`<button type="button" class="btn primary" onClick=${() => (naming.value = "")}>${icon("plus")}New dashboard</button>`}<//><main class="page" id="main">
    ${
      naming.value !== null &&
      html`<form class="card" onSubmit=${make}><div class="body row">
      <input class="input grow" aria-label="Name of the dashboard" placeholder="Uplinks" required autofocus value=${naming.value} 
        onInput=${(event) => (naming.value = event.target.value)} /><button class="btn primary">Create dashboard</button></div></form>`
    }
    <section class="card">${
      boards.value?.length
        ? html`<table class="t" aria-label="Dashboards"><tbody>${boards.value.map(
            ({ name, slug }) => html`<tr key=${slug}>
      <td class="who"><a class="name" href=${`/board/${slug}`}>${name}</a></td><td class="num"><a href=${`/board/${slug}/edit`}>Arrange</a></td></tr>`,
          )}
      </tbody></table>`
        : boards.value && html`<${Empty} sign="boards" title="No dashboard yet">A dashboard puts charts and values of several devices on one page.<//>`
    }
        </section></main>`;
}

export function Board() {
  const [, slug, mode] = segments.value;
  const board = useSignal(null),
    problem = useSignal(null),
    adding = useSignal(null),
    sharing = useSignal(false);
  const shares = useShares(slug);
  const reload = () =>
    get(api(`dashboards/${slug}`)).then(
      (found) => (board.value = { ...found, widgets: [...found.widgets].sort((a, b) => a.y - b.y || a.x - b.x) }),
      (error) => (problem.value = error.message),
    );
  useEffect(() => void reload(), [slug]);
  const at = range(now.value, RANGE),
    editing = mode === "edit";
  if (problem.value)
    return html`<${Head} title="No such dashboard" crumbs=${[["Dashboards", "/boards"]]} /><main class="page" id="main">
    <section class="card"><${Empty} title="No such dashboard" action=${html`<a class="btn" href="/boards">All dashboards</a>`}>${problem.value}<//>
    </section></main>`;
  if (!board.value) return html`<${Head} title="Dashboard" crumbs=${[["Dashboards", "/boards"]]} />`;
  const { name, widgets } = board.value;
  const save = async (widget) => {
    const body = { type: widget.type, title: widget.title, content: JSON.stringify(widget.content), p: "default" };
    await (widget.id ? put(api(`dashboards/${slug}/widgets/${widget.id}`), body) : post(api(`dashboards/${slug}/widgets`), body));
    adding.value = null;
    await reload();
  };
  const gone = async () => {
    await remove(api(`dashboards/${slug}`));
    go("/boards");
  };
  return html`<${Head} title=${name} crumbs=${[["Dashboards", "/boards"]]} state=${shares.list.length > 0 && html`<span class="tag opt">${sharedUntil(shares.list)}</span>`}><${RangePicker} usual=${RANGE} />
    <button type="button" class="btn desk" aria-expanded=${sharing.value} onClick=${() => (sharing.value = !sharing.value)}>${icon("link")}Share</button>${
      editing
        ? html`<${RemoveButton} what=${name} consequence="Its widgets go with it. Values that are stored stay." remove=${gone} />
        <a class="btn primary" href=${`/board/${slug}`}>Done</a>`
        : html`<a class="btn desk" href=${`/board/${slug}/edit`}>${icon("edit")}Arrange</a>`
    }<//>
    <main class="page board" id="main">${sharing.value && html`<${Shares} slug=${slug} name=${name} shares=${shares} done=${() => (sharing.value = false)} />`}
      ${editing && html`<div class="row w3">${KINDS.map(({ type, word }) => html`<button type="button" class="btn" 
      onClick=${() => (adding.value = { type, title: "", content: {} })}>${icon("plus")}${word}</button>`)}</div>`}
      ${adding.value && html`<div class="w3"><${WidgetForm} key=${adding.value.id ?? adding.value.type} widget=${adding.value} exporters=${exporters()} save=${save} cancel=${() => (adding.value = null)} /></div>`}
      ${
        widgets.length === 0 &&
        !editing &&
        html`<section class="card w3">
        <${Empty} sign="boards" title="Nothing on it yet" action=${html`<a class="btn primary" 
          href=${`/board/${slug}/edit`}>Add widgets</a>`}>Charts, single values, lists of the highest and flows can stand here.<//></section>`
      }
      ${widgets.map((widget, i) => html`<${Place} key=${widget.id} slug=${slug} widgets=${widgets} i=${i} at=${at} editing=${editing} reload=${reload} edit=${(one) => (adding.value = one)} />`)}</main>`;
}

const sharedUntil = (list) => {
  const ends = list.map(({ until }) => until).filter(Boolean);
  return `shared, read only${ends.length === list.length ? `, until ${day(Math.max(...ends))}` : ""}`;
};

/** How wide a widget stands: charts two of three columns unless its place says other. */
export const widthOf = ({ type, w, content }) => (w < 12 ? (w <= 4 ? "" : w <= 8 ? "w2" : "w3") : type === "chart" || (type === "netflow" && readContent({ content }).shown !== "table") ? "w2" : "");

/** A widget in its place; while arranging with what moves, widens and removes it. */
function Place({ slug, widgets, i, at, editing, reload, edit }) {
  const widget = widgets[i];
  const arrange = async (list) => {
    const places = list.map((one, y) => ({ widget_id: one.id, x: 0, y: y * 10, w: one.w ?? 12, h: one.h ?? 10, p: one.p ?? "default" }));
    await put(api(`dashboards/${slug}/widgets_positions`), places).catch((error) => say(error.message));
    await reload();
  };
  const move = (to) => {
    const list = [...widgets];
    list.splice(to, 0, ...list.splice(i, 1));
    return arrange(list);
  };
  const widen = (w) => arrange(widgets.map((one) => (one === widget ? { ...one, w } : one)));
  const drop = async () => {
    if (!(await ask({ title: `Remove ${widget.title}?`, text: "Values that are stored stay.", yes: "Remove", no: "Keep it" }))) return;
    await remove(api(`dashboards/${slug}/widgets/${widget.id}`));
    await reload();
  };
  const drag = editing && {
    draggable: true,
    onDragStart: (event) => event.dataTransfer.setData("text/plain", String(i)),
    onDragOver: (event) => event.preventDefault(),
    onDrop: (event) => (event.preventDefault(), dropped(Number(event.dataTransfer.getData("text/plain")))),
  };
  const dropped = (from) => {
    if (!(from >= 0) || from === i) return;
    const list = [...widgets];
    list.splice(i, 0, ...list.splice(from, 1));
    arrange(list);
  };
  return html`<div class=${`place ${widthOf(widget)}`} ...${drag}><${Widget} widget=${widget} at=${at} />${
    editing &&
    html`<p class="row"><button type="button" class="btn small" disabled=${i === 0} onClick=${() => move(i - 1)}>Earlier</button>
    <button type="button" class="btn small" disabled=${i === widgets.length - 1} onClick=${() => move(i + 1)}>Later</button>
    <span class="seg" role="group" aria-label=${`Width of ${widget.title}`}>${[4, 8, 11].map(
      (w, k) => html`<button type="button" aria-pressed=${widthOf(widget) === ["", "w2", "w3"][k]} onClick=${() => widen(w)}>${k + 1}/3</button>`,
    )}</span>${KINDS.some(({ type }) => type === widget.type) && html`<button type="button" class="btn small" 
      onClick=${() => edit({ ...widget, content: readContent(widget) })}>Edit</button>`}<button type="button" class="btn small danger" onClick=${drop}>Remove</button></p>`
  }</div>`;
}
