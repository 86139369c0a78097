// Bots: who measures, how each is, what waits and what was refused.

import { bots, now, statuses } from "../state.js";
import { html } from "../ui.js";
import { segments } from "../router.js";
import { age, digits, moment, shown } from "../numbers.js";
import { Empty, Pill, STATES, icon } from "../icons.js";
import { Head } from "../shell.js";
import { Table } from "../parts/table.js";
import { NewBot, OneBot } from "./bots_one.js";
import { DeadLetters } from "./bots_dead.js";

/** A bot reads its configuration every two minutes unless told otherwise: after three of them it is silent. */
const SILENT_S = 400;
const LATE_S = 1;

/** A bot with what it told of itself: how late its runs began, how many jobs, what waits, what was refused. */
function rowOf(bot) {
  const told = (statuses.value ?? []).find((one) => one.bot === bot.id);
  const status = told?.status ?? null;
  const last = Math.max(bot.last_login ?? 0, told?.received ?? 0) || null;
  const late = (status?.jobs ?? []).flatMap(({ runs }) => runs.map((run) => run.late)).sort((a, b) => a - b);
  const row = { bot, status, last, jobs: status ? status.configuration.jobs : null, late: late.length ? late[Math.ceil(late.length * 0.95) - 1] : null };
  return { ...row, waiting: status?.queue.values ?? null, dead: status?.dead_letters.count ?? null, state: stateOf(row) };
}

function stateOf({ last, status, late }) {
  if (!last) return "new";
  if (now.value - last > SILENT_S || status?.stopped) return "down";
  if (status?.dead_letters.count > 0 || late > LATE_S || status?.configuration.failure || status?.queue.trouble) return "degraded";
  return "up";
}

const seconds = (value) => (value === null ? shown(null) : shown(value, "s"));
const careful = (value, bad, text) => html`<span class=${value > bad ? "careful" : value ? "" : "muted"}>${text}</span>`;
const COLUMNS = [
  { name: "state", head: "State", by: ({ state }) => -STATES[state][2], at: "c", cell: ({ state }) => html`<${Pill} state=${state} />` },
  { name: "name", head: "Bot", by: ({ bot }) => bot.name, at: "a", opens: true, cell: ({ bot }) => bot.name },
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
  { name: "jobs", head: "Jobs", by: ({ jobs }) => jobs, className: "num", cell: ({ jobs }) => shown(jobs, "") },
  { name: "late", head: "Lateness", title: "95th percentile of how late runs began", by: ({ late }) => late, className: "num", cell: ({ late }) => careful(late, LATE_S, seconds(late)) },
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
          rowProps=${(row) => ({ "aria-selected": row === chosen })} label="Bots" />`
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
    ${tile("Values", shown(sum(({ status }) => status?.delivery.reduce((all, { stored }) => all + stored, 0)), ""), "delivered since the bots began")}
    ${tile("Jobs", digits(sum(({ jobs }) => jobs)), refused ? html`${refused} not planned, <a href="/devices?state=new,degraded,down">which?</a>` : "all are planned")}
    ${tile("Lateness", late < 0 ? shown(null) : shown(late, "s"), "95th percentile")}
    ${tile("Waiting", digits(sum(({ waiting }) => waiting)), Number.isFinite(oldest) ? `oldest ${age(now.value - oldest)}` : "nothing waits")}
    ${tile("Dead letters", html`<span class=${dead ? "careful" : ""}>${dead}</span>`, dead ? `in ${rows.filter((row) => row.dead > 0).map(({ bot }) => bot.name).join(", ")}` : "no value is refused")}</div>`;
}
