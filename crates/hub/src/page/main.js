// The page: who is in, which account is looked at, and the rhythm in which it is read.

import { Api, Away, LoggedOut, Refused } from "./api.js";
import { Chart } from "./chart.js";
import { element, setText } from "./element.js";
import { Entities, byName } from "./entities.js";
import { showFirstAccount, showFirstPerson, showLogin } from "./login.js";

const LOOK_MS = 3_000;
/** What people set up changes seldom: it is read at every tenth look. */
const SETUP_EVERY = 10;
/** Series on the chart when the page opens. */
const FIRST_PICKS = 5;

const [main, away, pulse, leave, account] = ["main", "away", "pulse", "leave", "account"].map((id) => document.getElementById(id));
const api = new Api();
let view = null;
let timer = 0;

/** One account on the screen. */
class View {
  entities = new Map();
  intervals = new Map();
  values = new Map();
  looks = 0;
  #offset = 0;
  #picked = false;

  constructor(id) {
    this.id = id;
    this.chart = new Chart(api, id, (path) => this.#name(path), () => this.list.refreshPicks());
    this.list = new Entities((path) => guarded(() => this.chart.toggle(path)), (path) => this.chart.colour(path));
    main.replaceChildren(element("div", { class: "view" }, this.chart.element, this.list.element));
  }

  async look() {
    const base = `accounts/${this.id}`;
    if (this.looks++ % SETUP_EVERY === 0) {
      const [entities, sensors] = await Promise.all([api.get(`${base}/entities`), api.get(`${base}/sensors`)]);
      this.entities = new Map(entities.list.map((entity) => [entity.id, entity]));
      this.intervals = new Map(sensors.list.map((sensor) => [sensor.id, sensor.default_interval]));
    }
    const last = await api.get(`${base}/lastvalues`);
    if (view !== this) return;
    // Ages are told by the hub's clock; the one here may be wrong.
    this.#offset = last.now - Date.now() / 1000;
    this.values = new Map(last.list.map((value) => [value.p, value]));
    this.list.show(this.entities, this.intervals, this.values);
    this.tick();
    if (!this.#picked && this.values.size > 0) await this.#pickFirst();
    else await this.chart.refresh();
  }

  tick() {
    this.list.tick(Date.now() / 1000 + this.#offset);
  }

  async #pickFirst() {
    this.#picked = true;
    const fresh = (value) => value !== undefined && Date.now() / 1000 + this.#offset - value.t < this.chart.span;
    const entities = [...this.entities.values()].sort(byName);
    for (const end of ["rtt.avg", "p0.rtt"]) {
      const found = entities.map(({ id }) => `entity.${id}.ping.${end}`).filter((path) => fresh(this.values.get(path)));
      if (found.length > 0) return this.chart.toggle(...found.slice(0, FIRST_PICKS));
    }
    const newest = [...this.values.values()].reduce((a, b) => (b.t > a.t ? b : a));
    return this.chart.toggle(newest.p);
  }

  #name(path) {
    const id = /^entity\.(\d+)\./.exec(path)?.[1];
    return this.entities.get(Number(id))?.name ?? "";
  }
}

/** Does something that asks the hub, and shows what stands in its way. */
async function guarded(work) {
  try {
    await work();
    away.hidden = true;
    pulse.hidden = view === null;
    pulse.classList.remove("off");
    setText(pulse, "live");
    pulse.dataset.at = new Date().toLocaleTimeString();
  } catch (error) {
    if (error instanceof LoggedOut) return begin();
    if (!(error instanceof Away || error instanceof Refused)) throw error;
    const since = pulse.dataset.at ? ` What is shown is of ${pulse.dataset.at}.` : "";
    setText(away, error instanceof Away ? `${sentence(error.message)}.${since} Trying again…` : `${sentence(error.message)}.`);
    away.hidden = false;
    pulse.classList.add("off");
    setText(pulse, "away");
  }
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, "");

async function look() {
  clearTimeout(timer);
  const begun = Date.now();
  if (view && !document.hidden) await guarded(() => view.look());
  // A hub that is slow to answer is asked less.
  timer = setTimeout(look, Math.max(LOOK_MS, 5 * (Date.now() - begun)));
}

async function begin() {
  view = null;
  leave.hidden = account.hidden = pulse.hidden = true;
  await api.open();
  if (!api.loggedIn) {
    const status = await api.get("status/info");
    return status.user_exists ? showLogin(main, api, enter) : showFirstPerson(main, api, enter);
  }
  const { list } = await api.get("accounts");
  leave.hidden = false;
  if (list.length === 0) return showFirstAccount(main, api, enter);
  account.replaceChildren(...list.map(({ id, name }) => element("option", { value: String(id) }, name)));
  account.hidden = list.length < 2;
  view = new View(list[0].id);
  await view.look();
}

function enter() {
  return guarded(begin);
}

account.addEventListener("change", () => guarded(() => {
  view = new View(Number(account.value));
  return view.look();
}));
leave.addEventListener("click", async () => {
  await api.leave();
  enter();
});
document.addEventListener("visibilitychange", () => document.hidden || look());
setInterval(() => view?.tick(), 1_000);

async function start() {
  await enter();
  // The hub was away at the start: the way in is tried again until it answers.
  if (main.childElementCount === 0 || main.querySelector("noscript")) setTimeout(start, LOOK_MS);
}

start();
timer = setTimeout(look, LOOK_MS);
