// The list of entities: how each is, its last values, and which of them are on the chart.

import { element, setText } from "./element.js";
import { age, label, parts, unitOf, written } from "./units.js";

const OTHER = "other";
/** A value counts as old when three of its intervals have passed, or this, if nobody knows the interval. */
const OLD_AFTER_S = 600;

export class Entities {
  #cards = new Map();
  #query = "";
  #list = element("div", { class: "entities" });
  #nothing = element("p", { class: "nothing" });
  #count = element("span", { class: "muted" });

  /** `onPick(path)`: a value was clicked. `picked(path)`: the colour it has on the chart, if it is there. */
  constructor(onPick, picked) {
    this.onPick = onPick;
    this.picked = picked;
    const search = element("input", { type: "search", placeholder: "Filter by name, address or path", "aria-label": "Filter" });
    search.addEventListener("input", () => {
      this.#query = search.value.trim().toLowerCase();
      this.#filter();
    });
    const head = element("div", { class: "list-head" }, element("h2", {}, "Entities"), this.#count, search);
    this.element = element("section", { class: "panel list", "aria-label": "Entities" }, head, this.#nothing, this.#list);
  }

  /** Takes what there is: entities, seconds between runs by sensor, and values by path. */
  show(entities, intervals, values) {
    const byEntity = new Map();
    for (const value of values.values()) {
      const id = Number(/^entity\.(\d+)\./.exec(value.p)?.[1]);
      const key = entities.has(id) ? id : OTHER;
      if (!byEntity.has(key)) byEntity.set(key, []);
      byEntity.get(key).push(value);
    }
    const groups = [...entities.values()].sort(byName).map((entity) => [entity.id, entity]);
    if (byEntity.has(OTHER)) groups.push([OTHER, { name: "Other values", details: {}, protocols: {} }]);
    for (const [key, card] of this.#cards) {
      if (!groups.some(([id]) => id === key)) {
        card.element.remove();
        this.#cards.delete(key);
      }
    }
    groups.forEach(([key, entity], place) => {
      if (!this.#cards.has(key)) this.#cards.set(key, new Card(this));
      const card = this.#cards.get(key);
      if (this.#list.children[place] !== card.element) this.#list.insertBefore(card.element, this.#list.children[place] ?? null);
      card.show(entity, entities.get(entity.parent)?.name, intervals, byEntity.get(key) ?? []);
    });
    setText(this.#count, entities.size ? String(entities.size) : "");
    setText(this.#nothing, groups.length ? "" : "No entities yet: whatever is to be measured is set up as an entity of this account.");
    this.#filter();
  }

  tick(now) {
    for (const card of this.#cards.values()) card.tick(now);
  }

  refreshPicks() {
    for (const card of this.#cards.values()) card.refreshPicks();
  }

  #filter() {
    for (const card of this.#cards.values()) card.element.hidden = !card.matches(this.#query);
  }
}

export const byName = (a, b) => a.name.localeCompare(b.name, "en", { numeric: true });

class Card {
  #rows = new Map();
  #values = [];
  #words = "";
  #old = OLD_AFTER_S;

  constructor(list) {
    this.list = list;
    this.dot = element("span", { class: "dot" });
    this.name = element("span", { class: "name" });
    this.detail = element("span", { class: "detail" });
    this.badges = element("span", { class: "badges" });
    this.main = element("span", { class: "main-value" });
    this.age = element("span", { class: "age" });
    const title = element("span", { class: "title" }, element("span", { class: "line" }, this.name, this.badges), this.detail);
    this.body = element("div", { class: "rows" });
    this.element = element("details", { class: "entity" },
      element("summary", {}, this.dot, title, element("span", { class: "now" }, this.main, this.age)), this.body);
    this.element.addEventListener("toggle", () => this.#draw());
  }

  show(entity, parent, intervals, values) {
    this.#values = values.sort((a, b) => a.p.localeCompare(b.p, "en", { numeric: true }));
    const protocols = Object.entries(entity.protocols ?? {});
    const seconds = protocols.flatMap(([, how]) => how.sensors.map((use) => use.interval ?? intervals.get(use.sensor) ?? 0));
    this.#old = seconds.some((s) => s > 0) ? 3 * Math.max(...seconds) + 5 : OLD_AFTER_S;
    const address = ["ipv4", "ipv6", "hostname"].map((key) => entity.details?.[key]).filter(Boolean).join(" · ");
    setText(this.name, entity.name);
    setText(this.detail, address || (parent ? `interface of ${parent}` : ""));
    const names = protocols.map(([name]) => name);
    if (this.badges.dataset.names !== names.join()) {
      this.badges.dataset.names = names.join();
      this.badges.replaceChildren(...names.map((name) => element("span", { class: "badge" }, name)));
    }
    this.#words = [entity.name, address, ...names].join(" ").toLowerCase();
    this.measured = names.length > 0;
    this.#draw();
  }

  matches(query) {
    return !query || this.#words.includes(query) || this.#values.some((value) => value.p.toLowerCase().includes(query));
  }

  tick(now) {
    const newest = Math.max(...this.#values.map((value) => value.t));
    const fresh = this.#values.length > 0 && now - newest <= this.#old;
    setText(this.age, this.#values.length ? age(now - newest) : this.measured ? "no values yet" : "");
    this.age.classList.toggle("old", this.#values.length > 0 && !fresh);
    const success = this.#values.find((value) => value.p.endsWith(".ping.success"));
    const state = !fresh ? "unknown" : !success ? "fine" : success.v === 0 ? "down" : success.v < 1 ? "lossy" : "fine";
    this.dot.className = `dot ${state}`;
    this.dot.title = { unknown: "no fresh values", fine: "fine", lossy: "loses packets", down: "does not answer" }[state];
    this.#summarise(success, now);
    for (const row of this.#rows.values()) row.tick(now, this.#old);
  }

  // What stands beside the name: the round trip, or that there is none.
  #summarise(success, now) {
    const rtt = ["rtt.avg", "p0.rtt", "p1.rtt", "p2.rtt"]
      .map((end) => this.#values.find((value) => value.p.endsWith(`.ping.${end}`)))
      .find((value) => value && (!success || value.t === success.t) && now - value.t <= this.#old);
    const lost = success ? 1 - success.v : 0;
    let text = "";
    if (rtt) text = written(rtt.v, "s");
    else if (success) text = success.v === 0 ? "no answer" : "";
    else if (this.#values.length) text = `${this.#values.length} value${this.#values.length === 1 ? "" : "s"}`;
    if (lost > 0 && lost < 1) text += ` · ${written(lost, "%")} lost`;
    setText(this.main, text);
    this.main.classList.toggle("bad", success !== undefined && success.v === 0);
  }

  // Rows are made only for cards that are open: an account may have a hundred thousand values.
  #draw() {
    if (!this.element.open) {
      this.#rows.clear();
      this.body.replaceChildren();
      return;
    }
    const known = new Set(this.#values.map((value) => value.p));
    for (const [path, row] of this.#rows) {
      if (!known.has(path)) {
        row.element.remove();
        this.#rows.delete(path);
      }
    }
    this.#values.forEach((value, place) => {
      if (!this.#rows.has(value.p)) {
        const row = new Row(value.p, this.list);
        this.#rows.set(value.p, row);
        this.body.insertBefore(row.element, this.body.children[place] ?? null);
      }
      this.#rows.get(value.p).show(value);
    });
    if (!this.#values.length) this.body.replaceChildren(element("p", { class: "nothing" }, "No values yet: they appear here as soon as a bot has measured."));
    else this.body.querySelector(".nothing")?.remove();
  }

  refreshPicks() {
    for (const row of this.#rows.values()) row.refreshPick();
  }
}

class Row {
  constructor(path, list) {
    this.path = path;
    this.list = list;
    this.unit = unitOf(path);
    this.chip = element("span", { class: "chip" });
    this.number = element("span", { class: "number" });
    this.age = element("span", { class: "age" });
    this.element = element("button", { class: "row", title: path, type: "button" }, this.chip, element("span", { class: "path" }, label(path)), this.number, this.age);
    this.element.addEventListener("click", () => list.onPick(path));
    this.refreshPick();
  }

  show(value) {
    this.time = value.t;
    const [number, unit] = parts(value.v, this.unit);
    if (this.number.dataset.text !== number + unit) {
      this.number.dataset.text = number + unit;
      this.number.replaceChildren(number, element("small", {}, unit));
    }
  }

  tick(now, old) {
    setText(this.age, age(now - this.time));
    this.age.classList.toggle("old", now - this.time > old);
  }

  refreshPick() {
    const colour = this.list.picked(this.path);
    this.element.setAttribute("aria-pressed", colour ? "true" : "false");
    this.chip.style.background = colour ?? "";
  }
}
