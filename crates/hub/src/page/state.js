// What the page knows: who is in, which account is looked at, what is set up there, and its last values.
//
// Everything is a signal that one loop fills; views read, and change things by the API, then `reload()`.

import { LoggedOut, get, leave as endSession, loggedIn, open } from "./api.js";
import { batch, computed, effect, signal } from "./ui.js";
import { byName } from "./numbers.js";

const LOOK_MS = 3_000;
/** What people set up changes seldom: it is read at every tenth look, and after each change made here. */
const SETUP_EVERY = 10;
/** How the devices are is read at every second look where they are shown, else at every tenth. */
const OVERVIEW_EVERY = 2;
/** In between only values of the last minute are read; what came late is seen when all are read again. */
const ALL_EVERY = 20;
const RECENT_S = 60;
const ACCOUNT_KEPT_AS = "grafolean.account";

/** Whether the first user exists; null until the hub said so. */
export const begun = signal(null);
/** Whether it is known if somebody is logged in. */
export const opened = signal(false);
/** Who is logged in, as `/profile` has it. */
export const profile = signal(null);
export const accounts = signal(null);
export const accountId = signal(Number(localStorage.getItem(ACCOUNT_KEPT_AS)) || null);
export const account = computed(() => accounts.value?.find(({ id }) => id === accountId.value) ?? null);
/** What is set up in the account, each by id; null before it was read. */
export const entities = signal(null);
export const credentials = signal(new Map());
export const sensors = signal(new Map());
export const bots = signal([]);
/** Declarations of protocols, by name. */
export const protocols = signal(new Map());
/** The last value of each path that a view watches: `{p, t, v}`; null before they were read. */
export const lastValues = signal(null);
/** How each device is, by its id, as the hub sums it up; null before it was read. */
export const overview = signal(null);
/** Series that belong to no device. */
export const otherSeries = signal(0);
/** What bots told of themselves; null where this hub knows nothing of it. */
export const statuses = signal(null);
/** The token of the shared dashboard that is looked at, without a login; null elsewhere. */
export const shared = signal(/^\/shared\/([^/]+)/.exec(location.pathname)?.[1] ?? null);
/** The hub's clock, less the one here, in seconds. */
export const clockOffset = signal(0);
/** The hub's time, told anew each second. */
export const now = signal(Date.now() / 1000);
/** The same in steps, for what would be costly to work out each second. */
export const coarseNow = computed(() => Math.floor(now.value / 5) * 5);
/** What stands in the way of live values, as a sentence; null if nothing does. */
export const trouble = signal(null);

export const api = (path) => `accounts/${accountId.value}/${path}`;
/** What only this hub has of an account; of a shared dashboard that is all there is. */
export const ours = (path) => (shared.value ? `hub/shared/${shared.value}/${path}` : `hub/accounts/${accountId.value}/${path}`);
export const devices = computed(() =>
  [...(entities.value?.values() ?? [])].filter((entity) => entity.entity_type === "device").sort(byName),
);
/** Entities below another, by its id. */
export const children = computed(() =>
  Map.groupBy(
    [...(entities.value?.values() ?? [])].filter((entity) => entity.parent),
    (entity) => entity.parent,
  ),
);

/** By the contract the segment after `entity` is an id, wherever in a path it stands. */
const ENTITY = /(?:^|\.)entity\.(\d+)(?:\.|$)/;
export const entityOf = (path) => entities.value?.get(Number(ENTITY.exec(path)?.[1]));

const byId = ({ list }) => new Map(list.map((row) => [row.id, row]));
// A person may lack the right to see a list: what is left is shown.
const orNothing = (asked) => asked.catch((error) => (error.status === 403 || error.status === 404 ? { list: [], missing: error.status === 404 } : Promise.reject(error)));

/** Reads what is set up. */
export async function reload() {
  const wanted = accountId.value;
  if (!wanted) return;
  const lists = ["entities", "credentials", "sensors", "bots"].map((kind) => orNothing(get(api(kind))));
  // Those of the whole hub measure here too; of the ones that nobody ever ran, nobody wants to know.
  const [entityRows, credentialRows, sensorRows, botRows, everywhere] = await Promise.all([...lists, orNothing(get("bots"))]);
  if (wanted !== accountId.value) return;
  batch(() => {
    entities.value = byId(entityRows);
    credentials.value = byId(credentialRows);
    sensors.value = byId(sensorRows);
    bots.value = [...botRows.list, ...everywhere.list.filter(({ last_login: last }) => last)];
  });
}

export async function reloadAccounts() {
  const { list } = await get("accounts");
  batch(() => {
    accounts.value = list;
    if (!list.some(({ id }) => id === accountId.value)) accountId.value = list[0]?.id ?? null;
  });
}

const watched = new Map();
/** Has the last values of these path filters read while a view shows them; returns the way to end that. */
export function watch(filters) {
  for (const filter of filters) watched.set(filter, (watched.get(filter) ?? 0) + 1);
  anew = true;
  readValues().catch(() => {});
  return () => {
    for (const filter of filters) watched.get(filter) > 1 ? watched.set(filter, watched.get(filter) - 1) : watched.delete(filter);
  };
}
let anew = true;
let reads = 0;

async function readValues() {
  const wanted = accountId.value,
    filters = [...watched.keys()];
  if (!wanted || shared.value || !loggedIn.value) return;
  const all = anew || reads++ % ALL_EVERY === 0;
  anew = false;
  const since = all ? "" : `&since=${(now.value - RECENT_S).toFixed(0)}`;
  const asked = filters.map((filter) => orNothing(get(api(`lastvalues?filter=${encodeURIComponent(filter)}${since}`))));
  const found = await Promise.all(asked);
  if (wanted !== accountId.value) return;
  const next = new Map(all ? [] : lastValues.value);
  for (const value of found.flatMap(({ list }) => list)) next.set(value.p, value);
  batch(() => {
    setClock(found[0]?.now);
    lastValues.value = next;
  });
}

async function readOverview() {
  const wanted = accountId.value;
  const found = await orNothing(get(ours("overview")));
  if (wanted !== accountId.value) return;
  batch(() => {
    setClock(found.now);
    otherSeries.value = found.others ?? 0;
    overview.value = new Map((found.devices ?? []).map((row) => [row.id, row]));
  });
}

let toldNothing = false;
async function readStatuses() {
  const wanted = accountId.value;
  if (toldNothing) return;
  const found = await orNothing(get(ours("status")));
  toldNothing = found.missing === true;
  if (wanted === accountId.value) statuses.value = toldNothing ? null : (found.list ?? null);
}

/** Reads how the devices are at once: something was set up. */
export const lookAtDevices = () => readOverview().catch(() => {});

function setClock(hubs) {
  if (hubs) clockOffset.value = hubs - Date.now() / 1000;
  tick();
}

function tick() {
  now.value = Date.now() / 1000 + clockOffset.value;
}

let looks = 0;
let timer = 0;
async function look() {
  clearTimeout(timer);
  const began = Date.now();
  if (!document.hidden) {
    try {
      await readAll();
      trouble.value = null;
    } catch (error) {
      if (!(error instanceof LoggedOut)) trouble.value = error.message;
    }
  }
  // A hub that is slow to answer is asked less.
  timer = setTimeout(look, Math.max(LOOK_MS, 5 * (Date.now() - began)));
}

async function readAll() {
  if (shared.value) return;
  if (begun.value !== true) begun.value = (await get("status/info")).user_exists === true;
  if (begun.value) await open();
  opened.value = true;
  if (!loggedIn.value || !begun.value) return;
  if (!profile.value) {
    const [who, declared] = await Promise.all([get("profile"), declarations(), reloadAccounts()]);
    protocols.value = declared;
    profile.value = who;
  }
  if (!accountId.value) return;
  const turn = looks++;
  if (turn % SETUP_EVERY === 0) await Promise.all([reload(), readStatuses()]);
  if (turn % (showsDevices() ? OVERVIEW_EVERY : SETUP_EVERY) === 0) await readOverview();
  if (/^.(bot|device|first)/.test(location.pathname)) await readStatuses();
  await readValues();
}

const showsDevices = () => /^.(devices|device|first)(.|$)/.test(location.pathname);

async function declarations() {
  const { list } = await orNothing(get("hub/protocols"));
  return new Map(list.map((declared) => [declared.name, declared]));
}

/** Reads all anew at once, after a log-in or a change of account. */
export function lookNow() {
  looks = 0;
  return look();
}

export async function leave() {
  await endSession();
  forget();
}

/** Forgets what was read as somebody. */
function forget() {
  batch(() => {
    profile.value = accounts.value = entities.value = lastValues.value = overview.value = statuses.value = null;
  });
}

export function chooseAccount(id) {
  batch(() => {
    accountId.value = id;
    entities.value = lastValues.value = overview.value = statuses.value = null;
  });
  anew = true;
  lookNow();
}

effect(() => {
  if (accountId.value) localStorage.setItem(ACCOUNT_KEPT_AS, String(accountId.value));
});
// Another tab logged out or in: what was read as somebody else is not shown on.
effect(() => {
  if (!loggedIn.value && profile.peek()) forget();
});
document.addEventListener("visibilitychange", () => document.hidden || look());
setInterval(() => document.hidden || tick(), 1_000);

/** Begins to look. */
export const begin = look;
