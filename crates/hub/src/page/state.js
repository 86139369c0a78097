// What the page knows: who is in, which account is looked at, what is set up there, and its last values.
//
// Everything is a signal. The hub tells what happens, and what that concerns is read again; where it tells nothing, one loop
// reads all every few seconds. Views read signals, and change things by the API, then `reload()`.

import { LoggedOut, get, leave as endSession, loggedIn, open } from "./api.js";
import { draw, follow, live, on, unhurried } from "./live.js";
import { batch, computed, effect, signal } from "./ui.js";
import { byName } from "./numbers.js";
import { path } from "./router.js";

const LOOK_MS = 3_000;
/** While the hub tells what happens only what nobody tells is read, such as when a bot called last. */
const LOOK_LIVE_MS = 60_000;
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
/** What is wrong in the account, by causes; empty where nothing is, or nobody knows. */
export const findings = signal([]);
/** The token of the shared dashboard that is looked at, without a login; null elsewhere. */
export const shared = signal(/^\/shared\/([^/]+)/.exec(location.pathname)?.[1] ?? null);
/** The hub's clock, less the one here, in seconds. */
export const clockOffset = signal(0);
/** The hub's time, told anew each second. */
export const now = signal(Date.now() / 1000);
/** The same in steps, for what would be costly to work out each second. */
export const coarseNow = computed(() => Math.floor(now.value / 5) * 5);
/** The minute of it: what is drawn small is read again with each. */
export const minute = computed(() => Math.floor(now.value / 60));
/** Grows when series came that were not there before; where nobody tells, each minute. */
const told = signal(0);
export const newPaths = computed(() => told.value + (live.value ? 0 : minute.value));
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
  const end = draw(filters);
  readValues().catch(() => {});
  return () => {
    end();
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

/** Takes values that the hub told of; one that is older than what is known is no last value. */
function takeValues({ account: of, list }) {
  if (of !== accountId.value || lastValues.value === null) return;
  const next = new Map(lastValues.value);
  for (const value of list) if (!(next.get(value.p)?.t > value.t)) next.set(value.p, value);
  lastValues.value = next;
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

async function readFindings() {
  const wanted = accountId.value;
  const { list } = await orNothing(get(ours("findings")));
  if (wanted === accountId.value) findings.value = list;
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
  const usual = live.value ? LOOK_LIVE_MS : LOOK_MS;
  setTimer(Math.max(usual, 5 * (Date.now() - began)));
}

function setTimer(after) {
  clearTimeout(timer);
  timer = setTimeout(look, after);
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
  const turn = looks++,
    all = live.value || turn % SETUP_EVERY === 0;
  if (all) await Promise.all([reload(), readStatuses()]);
  if (all || (showsDevices() && turn % OVERVIEW_EVERY === 0)) await Promise.all([readOverview(), readFindings()]);
  if (!all && showsStatuses()) await readStatuses();
  await readValues();
}

const showsDevices = () => /^.(devices|device|first)(.|$)/.test(location.pathname);
const showsStatuses = () => /^.(bot|device|first|flows)/.test(location.pathname);

const ourselves = (act) => () => (profile.value && accountId.value && !document.hidden ? act() : undefined);
const news = {
  setup: unhurried(ourselves(reload), 300),
  accounts: unhurried(ourselves(reloadAccounts), 300),
  protocols: unhurried(ourselves(async () => (protocols.value = await declarations())), 300),
  devices: unhurried(ourselves(readOverview), 1_000),
  statuses: unhurried(ourselves(readStatuses), 1_000),
  findings: unhurried(ourselves(readFindings), 3_000),
  paths: unhurried(() => void (told.value += 1), 2_000),
};
on("values", takeValues);
on("stored", () => showsDevices() && news.devices());
on("paths", () => (news.devices(), news.paths()));
on("status", () => {
  if (showsStatuses()) news.statuses();
  if (showsDevices()) news.findings();
});
on("findings", () => news.findings());
on("changed", ({ resource }) => {
  if (/^accounts(.\d+)?$/.test(resource)) news.accounts();
  if (resource.startsWith("hub/protocols")) news.protocols();
  else if (!/.(dashboards|paths|values)(.|$)/.test(resource)) (news.setup(), news.devices());
});
on("reset", () => ((anew = true), lookNow()));

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
    findings.value = [];
  });
  anew = true;
  lookNow();
}

effect(() => follow(loggedIn.value && !shared.value ? accountId.value : null));
// Whoever is told need not ask; whoever no longer is asks at once.
effect(() => {
  if (live.value) setTimer(LOOK_LIVE_MS);
  else if (profile.peek()) look();
});
// A view that is come to shows what is, not what was when it was left.
effect(() => {
  void path.value;
  if (!live.peek()) return;
  if (showsDevices()) news.devices();
  if (showsStatuses()) news.statuses();
});
effect(() => {
  if (accountId.value) localStorage.setItem(ACCOUNT_KEPT_AS, String(accountId.value));
});
// Another tab logged out or in: what was read as somebody else is not shown on.
effect(() => {
  if (!loggedIn.value && profile.peek()) forget();
});
document.addEventListener("visibilitychange", () => document.hidden || lookNow());
setInterval(() => document.hidden || tick(), 1_000);

/** Begins to look. */
export const begin = look;
