// A dashboard by its link: no navigation, no login, nothing to change.

import { get } from "../api.js";
import { accountId, entities, lastValues, now, ours, protocols, shared } from "../state.js";
import { batch, html, useEffect, useSignal } from "../ui.js";
import { segments } from "../router.js";
import { day } from "../numbers.js";
import { Empty, LOGO } from "../icons.js";
import { sharedPaths } from "../parts/history.js";
import { RangePicker, range } from "../parts/range.js";
import { Widget } from "../parts/widgets.js";
import { widthOf } from "./boards.js";

const LOOK_MS = 10_000;
const RANGE = "-24h";

export function Shared() {
  const [, token] = segments.value;
  const board = useSignal(null),
    problem = useSignal(null);
  const look = async () => {
    if (document.hidden && board.value) return;
    try {
      board.value = take(await get(ours("").replace(/\/$/, "")));
      problem.value = null;
    } catch (error) {
      if (error.status === 404 || !board.value) problem.value = error.message;
    }
  };
  useEffect(() => {
    shared.value = token;
    look();
    const timer = setInterval(look, LOOK_MS);
    return () => {
      clearInterval(timer);
      shared.value = null;
    };
  }, [token]);
  if (problem.value)
    return html`<div class="solo"><main class="page" id="main"><h1 class="sr">Nothing here</h1><section class="card">
      <${Empty} title="This link shows nothing">It was taken back, or its time has come. Whoever sent it can make another.<//></section></main></div>`;
  if (!board.value) return null;
  const { name, until, widgets } = board.value;
  const at = range(now.value, RANGE);
  document.title = `${name} · Grafolean`;
  return html`<div class="shared"><header class="head"><span class="brand">${LOGO}</span><h1>${name}</h1>
    <span class="tag opt">shared, read only${until ? `, until ${day(until)}` : ""}</span><span class="grow"></span><${RangePicker} usual=${RANGE} /></header>
    <main class="page board" id="main">${widgets.map((widget) => html`<div key=${widget.id} class=${`place ${widthOf(widget)}`}><${Widget} widget=${widget} at=${at} /></div>`)}</main></div>`;
}

/** What the hub tells of a shared dashboard takes the place of what a person would have read. */
function take({ entities: named, paths, values, outputs, now: hubs, ...board }) {
  batch(() => {
    accountId.value ??= 0;
    now.value = hubs;
    entities.value = new Map(named.map((one) => [one.id, one]));
    protocols.value = protocols.peek().size ? protocols.peek() : new Map(outputs.map((one) => [one.name, one]));
    sharedPaths.value = new Map(Object.entries(paths));
    lastValues.value = new Map(values.map((value) => [value.p, value]));
  });
  return { ...board, widgets: [...board.widgets].sort((a, b) => a.y - b.y || a.x - b.x) };
}
