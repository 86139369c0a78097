// What the page knows: who is in, which account is looked at, what is set up there, and its last values.
//
// Everything is a signal that one loop fills; views read, and change things by the API, then `reload()`.

import { LoggedOut, get, leave as endSession, loggedIn, open } from "./api.js";
import { batch, computed, effect, signal } from "./ui.js";
import { byName } from "./numbers.js";

const LOOK_MS = 3_000;
/** What people set up changes seldom: it is read at every tenth look, and after each change made here. */
const SETUP_EVERY = 10;
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
/** The last value of each path: `{p, t, v}`; null before they were read. */
export const lastValues = signal(null);
/** The hub's clock, less the one here, in seconds. */
export const clockOffset = signal(0);
/** The hub's time, told anew each second. */
export const now = signal(Date.now() / 1000);
/** The same in steps, for what would be costly to work out each second. */
export const coarseNow = computed(() => Math.floor(now.value / 5) * 5);
/** What stands in the way of live values, as a sentence; null if nothing does. */
export const trouble = signal(null);

export const api = (path) => `accounts/${accountId.value}/${path}`;
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
/** Last values by the entity that their path names; those of none under null. */
export const valuesByEntity = computed(() => Map.groupBy(lastValues.value?.values() ?? [], ({ p }) => Number(ENTITY.exec(p)?.[1]) || null));
export const entityOf = (path) => entities.value?.get(Number(ENTITY.exec(path)?.[1]));

const byId = ({ list }) => new Map(list.map((row) => [row.id, row]));
// A person may lack the right to see a list: what is left is shown.
const orNothing = (asked) => asked.catch((error) => (error.status === 403 || error.status === 404 ? { list: [] } : Promise.reject(error)));

/** Reads what is set up. */
export async function reload() {
  const wanted = accountId.value;
  if (!wanted) return;
  const lists = ["entities", "credentials", "sensors", "bots"].map((kind) => orNothing(get(api(kind))));
  const [entityRows, credentialRows, sensorRows, botRows] = await Promise.all(lists);
  if (wanted !== accountId.value) return;
  batch(() => {
    entities.value = byId(entityRows);
    credentials.value = byId(credentialRows);
    sensors.value = byId(sensorRows);
    bots.value = botRows.list;
  });
}

export async function reloadAccounts() {
  const { list } = await get("accounts");
  batch(() => {
    accounts.value = list;
    if (!list.some(({ id }) => id === accountId.value)) accountId.value = list[0]?.id ?? null;
  });
}

async function readValues() {
  const wanted = accountId.value;
  const known = lastValues.value;
  const all = known === null || reads++ % ALL_EVERY === 0;
  const last = await get(api(all ? "lastvalues" : `lastvalues?since=${(now.value - RECENT_S).toFixed(0)}`));
  if (wanted !== accountId.value) return;
  batch(() => {
    clockOffset.value = last.now - Date.now() / 1000;
    const next = new Map(all ? [] : known);
    for (const value of last.list) next.set(value.p, value);
    lastValues.value = next;
    tick();
  });
}

function tick() {
  now.value = Date.now() / 1000 + clockOffset.value;
}

let looks = 0;
let reads = 0;
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
  if (looks++ % SETUP_EVERY === 0) await reload();
  await readValues();
}

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
    profile.value = accounts.value = entities.value = lastValues.value = null;
  });
}

export function chooseAccount(id) {
  batch(() => {
    accountId.value = id;
    entities.value = lastValues.value = null;
  });
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
