// Bots: who measures, how each is, what waits and what was refused.

import { bots, now, statuses } from "../state.js";
import { html } from "../ui.js";
import { segments } from "../router.js";
import { age, moment, shown, written } from "../numbers.js";
import { Empty, Pill, STATES, icon } from "../icons.js";
import { Head } from "../shell.js";
import { Table } from "../parts/table.js";
import { NewBot, OneBot } from "./bots_one.js";
import { DeadLetters } from "./bots_dead.js";

/** A bot that says nothing of it reads its configuration every two minutes; one is silent after three of its own turns. */
const EVERY_S = 120;
/** Late is what begins later than a tenth of the shortest interval, and than this. */
const LATE_S = 1;

/** A bot with what it told of itself: how late its runs began, how many jobs, what waits, what was refused. */
function rowOf(bot) {
  const told = (statuses.value ?? []).find((one) => one.bot === bot.id);
  const status = told?.status ?? null;
  const last = Math.max(bot.last_login ?? 0, told?.received ?? 0) || null;
  const shortest = Math.min(...(status?.jobs ?? []).flatMap(({ intervals }) => intervals));
  const late = (status?.jobs ?? []).flatMap(({ runs }) => runs.map((run) => run.late)).sort((a, b) => a - b);
  const row = { bot, status, last, lateFrom: Math.max(LATE_S, Number.isFinite(shortest) ? shortest / 10 : 0), jobs: status ? status.configuration.jobs : null, late: late.length ? late[Math.ceil(late.length * 0.95) - 1] : null };
  return { ...row, rate: rateOf(bot, status, told?.received), waiting: status?.queue.values ?? null, dead: status?.dead_letters.count ?? null, state: stateOf(row) };
}

/** What bots had delivered when they told so, for a minute back: how fast they deliver follows from it. */
const delivered = new Map();
const RATE_OVER_S = 60;

/** Values a second over the last minute; null until it was told twice. */
function rateOf(bot, status, received) {
  if (!status || !received) return null;
  const stored = status.delivery.reduce((all, one) => all + one.stored, 0);
  const before = (delivered.get(bot.id) ?? []).filter(({ t, n }) => received - t < RATE_OVER_S && n <= stored);
  if (before.at(-1)?.t !== received) before.push({ t: received, n: stored });
  delivered.set(bot.id, before);
  const [first] = before;
  return received > first.t ? (stored - first.n) / (received - first.t) : null;
}

function stateOf({ last, status, late, lateFrom }) {
  if (!last) return "new";
  if (now.value - last > 3 * Math.max(status?.configuration.every || EVERY_S, status?.pause ?? 0) + 40 || status?.stopped) return "down";
  if (status?.dead_letters.count > 0 || late > lateFrom || status?.configuration.failure || status?.queue.trouble) return "degraded";
  return "up";
}

const seconds = (value) => (value === null ? shown(null) : shown(value, "s"));
const careful = (value, bad, text) => html`<span class=${value > bad ? "careful" : value ? "" : "muted"}>${text}</span>`;
const COLUMNS = [
  { name: "state", head: "State", by: ({ state }) => -STATES[state][2], at: "c", cell: ({ state }) => html`<${Pill} state=${state} />` },
  { name: "name", head: "Bot", by: ({ bot }) => bot.name, at: "a", opens: true, cell: ({ bot }) => bot.name, more: ({ state, status }) => state === "down" && html` <a class="cause" href="/why">${status?.stopped ? "was stopped, and said so" : "has not called since"}</a>` },
  { name: "protocol", head: "Protocol", by: ({ bot }) => bot.protocol, at: "d", cell: ({ bot }) => html`<span class="tag">${bot.protocol}</span>` },
  { name: "version", head: "Version", by: ({ status }) => status?.version ?? null, className: "opt muted", cell: ({ status }) => status?.version || shown(null) },
  {
    name: "seen",
    head: "Last seen",
    by: ({ last }) => last,
    at: "b",
    className: "num muted",
    cell: ({ last }) => (last ? html`<time title=${moment(last)}>${age(now.value - last)}</time>` : "never called"),
  },
  { name: "devices", head: "Devices", by: ({ status }) => status?.configuration.devices ?? null, className: "num opt", cell: ({ status }) => shown(status?.configuration.devices ?? null, "") },
  { name: "rate", head: "Values", title: "Values delivered a second, over the last minute", by: ({ rate }) => rate, className: "num opt", cell: ({ rate }) => shown(rate, "/s") },
  { name: "jobs", head: "Jobs", by: ({ jobs }) => jobs, className: "num", cell: ({ jobs }) => shown(jobs, "") },
  { name: "late", head: "Lateness", title: "95th percentile of how late runs began", by: ({ late }) => late, className: "num", cell: ({ late, lateFrom }) => careful(late, lateFrom, seconds(late)) },
  { name: "waiting", head: "Waiting", title: "Values that wait to be delivered", by: ({ waiting }) => waiting, className: "num", cell: ({ waiting }) => shown(waiting, "") },
  { name: "dead", head: "Dead letters", title: "Values that this hub refused", by: ({ dead }) => dead, className: "num", cell: ({ dead }) => careful(dead, 0, shown(dead, "")) },
];

export function Bots() {
  const [, which] = segments.value;
  const rows = bots.value.map(rowOf);
  const chosen = rows.find(({ bot }) => String(bot.id) === which);
  const refused = rows.filter(({ dead }) => dead > 0);
  const beside = which === "new" ? html`<${NewBot} />` : chosen && html`<${OneBot} key=${chosen.bot.id} row=${chosen} />`;
  const letters = chosen ? refused.filter((row) => row === chosen) : refused;
  return html`<${Head} title="Bots" more=${`${rows.filter(({ state }) => ["up", "degraded"].includes(state)).length} of ${rows.length} connected`}>
    <a class="btn primary" href="/bots/new">${icon("plus")}New bot</a><//>
    <main class="page" id="main">${rows.some(({ status }) => status) && html`<${Sums} rows=${rows} />`}<section class="card" aria-label="Bots">${
      rows.length
        ? html`<${Table} columns=${COLUMNS} rows=${rows} usual="-state" keyOf=${({ bot }) => bot.id} open=${({ bot }) => `/bots/${bot.id}`} 
          rowProps=${(row) => ({ "aria-selected": row === chosen, "data-state": row.state })} label="Bots" />`
        : html`<${Empty} sign="bots" title="No bot yet" action=${html`<a class="btn primary" 
          href="/bots/new">New bot</a>`}>A bot asks this hub what to measure, measures it, and sends the values back. One runs on any machine that reaches the devices.<//>`
    }</section>
      ${(letters.length > 0 || beside) && html`<div class=${letters.length && beside ? "cols wide broad" : "cols"}>
        ${letters.length > 0 && html`<div class="stack">${letters.map((row) => html`<${DeadLetters} key=${row.bot.id} row=${row} />`)}</div>`}${beside}</div>`}</main>`;
}

/** What all bots of the account do together. */
function Sums({ rows }) {
  const sum = (pick) => rows.reduce((all, row) => all + (pick(row) ?? 0), 0);
  const refused = sum(({ status }) => status?.refused.length),
    dead = sum(({ dead: number }) => number);
  const late = Math.max(...rows.map((row) => row.late ?? -1));
  const oldest = Math.min(...rows.map(({ status }) => status?.queue.oldest ?? Infinity));
  const tile = (label, value, sub) => html`<div class="tile"><span class="label">${label}</span><span class="value">${value}</span><span class="sub">${sub}</span></div>`;
  return html`<div class="tiles">
    ${tile("Values", rows.some(({ rate }) => rate !== null) ? shown(sum(({ rate }) => rate), "/s") : shown(null), `last minute; ${written(sum(({ status }) => status?.delivery.reduce((all, { stored }) => all + stored, 0)), "")} in all`)}
    ${tile("Jobs", shown(sum(({ jobs }) => jobs), ""), refused ? html`${refused} not planned, <a href="/devices?state=new,degraded,down">which?</a>` : "all are planned")}
    ${tile("Lateness", late < 0 ? shown(null) : shown(late, "s"), "95th percentile")}
    ${tile("Waiting", shown(sum(({ waiting }) => waiting), ""), Number.isFinite(oldest) ? `oldest ${age(now.value - oldest)}` : "nothing waits")}
    ${tile("Dead letters", html`<span class=${dead ? "careful" : ""}>${dead}</span>`, dead ? `in ${rows.filter((row) => row.dead > 0).map(({ bot }) => bot.name).join(", ")}` : "no value is refused")}</div>`;
}
