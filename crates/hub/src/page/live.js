// What happens in the hub, as it tells it: one stream of events for this tab. A hidden tab has none; where the stream fails,
// whoever needs news asks every few seconds.

import { eventsUrl } from "./api.js";
import { signal } from "./ui.js";

/** What is always told; values are told of the paths that are drawn. */
const KINDS = ["stored", "paths", "changed", "status", "findings"];
/** The hub takes as many filters from a page. */
const MOST_FILTERS = 100;
/** Views that come and go together open one stream. */
const SETTLED_MS = 50;
/** After a refusal it is tried again after this, doubled up to the other. */
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;

/** Whether the hub tells what happens; if not, it has to be asked. */
export const live = signal(false);

const listeners = new Map();
const wanted = new Map();
let account = null;
let stream = null;
let open = "";
let last = null;
let timer = 0;
let failures = 0;

/** Calls `hear(told)` at each event of a kind, at `reset` and `opened` too; returns the way to end that. */
export function on(kind, hear) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(hear);
  return () => listeners.get(kind).delete(hear);
}

const tell = (kind, told) => [...(listeners.get(kind) ?? [])].forEach((hear) => hear(told));

/** Has the values of these path filters told while somebody draws them; returns the way to end that. */
export function draw(filters) {
  for (const filter of filters) wanted.set(filter, (wanted.get(filter) ?? 0) + 1);
  soon();
  return () => {
    for (const filter of filters) wanted.get(filter) > 1 ? wanted.set(filter, wanted.get(filter) - 1) : wanted.delete(filter);
    soon();
  };
}

/** Follows what happens in an account; in none where it is null. */
export function follow(id) {
  if (id === account) return;
  account = id;
  last = null;
  soon(0);
}

/** Filters as they are asked for: single paths of an entity that has many become one filter. */
function filters() {
  const all = [...wanted.keys()].sort();
  if (all.length <= MOST_FILTERS) return all;
  const joined = all.map((filter) => filter.replace(/^(entity\.\d+)\..*$/, "$1.*"));
  return [...new Set(joined)].slice(0, MOST_FILTERS);
}

function soon(after = SETTLED_MS) {
  clearTimeout(timer);
  timer = setTimeout(connect, after);
}

function connect() {
  const some = filters();
  const url = account && !document.hidden ? eventsUrl({ account, kinds: [...KINDS, ...(some.length ? ["values"] : [])].join(), filter: some.join() }) : "";
  if (url === open && stream?.readyState !== EventSource.CLOSED) return;
  close();
  open = url;
  if (!url) return;
  // What was told last is where the next stream goes on: nothing is missed between them.
  stream = new EventSource(last === null ? url : `${url}&since=${last}`);
  stream.onopen = () => {
    failures = 0;
    live.value = true;
    tell("opened");
  };
  stream.onerror = failed;
  for (const kind of [...KINDS, "values", "reset"])
    stream.addEventListener(kind, (event) => {
      last = event.lastEventId || last;
      tell(kind, JSON.parse(event.data));
    });
}

/** A stream that broke is opened again by the browser; one that was refused after a while by us. */
function failed() {
  live.value = false;
  if (stream?.readyState !== EventSource.CLOSED) return;
  soon(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++));
}

function close() {
  stream?.close();
  stream = null;
  live.value = false;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(timer);
    close();
    open = "";
  } else soon(0);
});

/** `act` as often as it is called, but not while it goes on, and never more than a tenth of the time or within `least` ms. */
export function unhurried(act, least) {
  let running = false,
    again = false,
    pause = 0;
  const run = async () => {
    if (running) return void (again = true);
    running = true;
    const began = Date.now();
    await Promise.resolve(act()).catch(() => {});
    pause = Math.max(least, 9 * (Date.now() - began));
    setTimeout(() => {
      running = false;
      if (again) ((again = false), run());
    }, pause);
  };
  return run;
}
