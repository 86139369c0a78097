// Why something is missing: the verdict, what to do, the way from configuration to stored value with the broken link. `/why`
// alone is the list of what is wrong in the account.

import { get } from "../api.js";
import { on, unhurried } from "../live.js";
import { account, entities, now, ours } from "../state.js";
import { html, useEffect, useSignal } from "../ui.js";
import { query, segments } from "../router.js";
import { age, clock, count } from "../numbers.js";
import { Empty, icon } from "../icons.js";
import { Head } from "../shell.js";
import { ChartCard, drawable, nameOf } from "../parts/chart.js";
import { useSeries } from "../parts/series.js";

const AGAIN_MS = 5_000;
const TOGETHER_MS = 1_000;
const HOUR_S = 3_600;
/** How a step is drawn: its kind, its shape. */
const MARKS = { ok: ["ok", "check"], broken: ["bad", "cross"], not_reached: ["idle", "silent"], unknown: ["idle", "why"] };
const SIGNS = { sound: ["ok", "up"], waiting: ["warn", "clock"], broken: ["bad", "bad"], unknown: ["idle", "silent"] };

/** Devices of a finding that are named. */
const NAMED = 5;

export function Why() {
  const [, first, id = ""] = segments.value;
  if (!first) return html`<${Findings} />`;
  const about = first === "device" ? id : first;
  const span = ["from", "to"].map((name) => query.value.get(name)).filter((text) => /^\d+(\.\d+)?$/.test(text ?? ""));
  return html`<${Explained} key=${about} about=${about} span=${span.length === 2 ? `&from=${span[0]}&to=${span[1]}` : ""} />`;
}

/** Asks again when something changed, was told by a bot or was stored; without news too, since silence is a cause. */
function asNewsCome(ask) {
  const again = unhurried(() => document.hidden || ask(), TOGETHER_MS);
  const ends = ["changed", "status", "findings", "stored", "reset"].map((kind) => on(kind, again));
  const timer = setInterval(again, AGAIN_MS);
  return () => {
    clearInterval(timer);
    ends.forEach((end) => end());
  };
}

function Explained({ about, span }) {
  const state = useSignal({ answers: null, error: null, at: 0, took: 0 });
  const ask = async () => {
    const began = Date.now();
    try {
      const { list } = await get(ours(`why?about=${encodeURIComponent(about)}${span}`));
      state.value = { answers: list, error: null, at: Date.now(), took: (Date.now() - began) / 1000 };
    } catch (error) {
      const unknown = "This hub does not keep what its bots tell of themselves. On the machine of the bot `grafolean check` says what is measured, and what is not and why.";
      state.value = { ...state.value, error: error.status === 404 ? unknown : error.message, at: Date.now() };
    }
  };
  useEffect(() => {
    ask();
    // Asked again until the way is whole.
    return asNewsCome(() => isSound(state.value.answers) || ask());
  }, [about, span]);
  const { answers, error, at, took } = state.value;
  const answer = answers?.find(({ verdict }) => verdict === "broken") ?? answers?.[0];
  const entity = entities.value?.get(answer?.entity);
  const device = entity?.parent ? entities.value.get(entity.parent) : entity;
  const crumbs = [["Devices", "/devices"], ...(device ? [[device.name, `/device/${device.id}`]] : [])];
  const subject = answer?.path ? nameOf(answer.path).replace(`${device?.name} `, "") : (device?.name ?? about);
  return html`<${Head} title=${isSound(answers) ? `Nothing is wrong with ${subject}` : `Why is ${subject} missing?`} crumbs=${crumbs}>
    ${at > 0 && html`<span class="muted small desk">asked ${age((Date.now() - at) / 1000 + 0 * now.value)} ago${took > 0 && `, took ${took.toFixed(2)} s`}</span>`}
    <button type="button" class="btn" onClick=${ask}>${icon("retry")}Ask again</button><//>
    <main class="page" id="main">${
      answer
        ? html`${answers.map((one) => html`<${Verdict} key=${one.protocol} answer=${one} device=${device} />`)}
          <div class="cols wide"><div class="stack">${answers.map((one) => html`<${Chain} key=${one.protocol} answer=${one} />`)}</div><div class="stack">
          ${answer.path && html`<${Gap} path=${answer.path} />`}${answers.map((one) => html`<${Evidence} key=${one.protocol} answer=${one} />`)}
          <section class="card"><header><h2>On the command line</h2></header>
          <div class="body"><pre class="snippet" tabindex="0">$ grafolean why ${quoted(answer.path ?? device?.name ?? about)}</pre></div></section></div></div>`
        : error
          ? html`<section class="card"><${Empty} sign="why" title="Nobody can say">${error}<//></section>`
          : html`<div class="ghosts"><i></i><i></i><i></i></div>`
    }</main>`;
}

const isSound = (answers) => answers?.every(({ verdict }) => verdict === "sound") === true;
const quoted = (text) => (/^[\w.:-]+$/.test(text) ? text : `'${text}'`);

function Findings() {
  const state = useSignal({ list: null, error: null });
  const ask = () =>
    get(ours("findings")).then(
      ({ list }) => (state.value = { list, error: null }),
      (error) => (state.value = { ...state.value, error: error.message }),
    );
  useEffect(() => {
    ask();
    return asNewsCome(ask);
  }, [account.value?.id]);
  const { list, error } = state.value;
  return html`<${Head} title="What is wrong" more=${account.value?.name} /><main class="page" id="main">${
    list === null
      ? error
        ? html`<section class="card"><${Empty} sign="why" title="Nobody can say">${error}<//></section>`
        : html`<div class="ghosts"><i></i><i></i><i></i></div>`
      : list.length === 0
        ? html`<section class="card"><${Empty} sign="up" title="Nothing is wrong" action=${html`<a class="btn" href="/devices">All devices</a>`}>
          All that is set up is measured, delivered and stored.<//></section>`
        : list.map((finding) => html`<${Finding} key=${finding.cause + finding.protocol} finding=${finding} />`)
  }</main>`;
}

function Finding({ finding: { sentence, evidence, remedy, devices, entities: named, since, protocol } }) {
  const more = devices - Math.min(devices, NAMED);
  return html`<section class="card answer" data-s="bad"><span class="sign">${icon("bad")}</span><div>
    <p class="bad">${count(devices, "device")} by ${protocol}${since ? `, since ${clock(since)}` : ""}</p>
    <p class="verdict">${sentence}</p><p class="soft">${evidence}</p><p class="soft">${remedy}</p>
    <div class="row">${named.slice(0, NAMED).map(({ id, name }) => html`<a class="btn" href=${`/why/device/${id}`}>${icon("why")}${name}</a>`)}
      ${more > 0 && html`<span class="muted">and ${more} more</span>`}</div></div></section>`;
}

function Verdict({ answer, device }) {
  const [kind, shape] = SIGNS[answer.verdict] ?? SIGNS.unknown;
  const [finding] = answer.findings;
  return html`<section class="card answer" data-s=${kind}><span class="sign">${icon(shape)}</span><div>
    <p class=${kind === "bad" ? "bad" : "soft"} role="status">${answer.summary}</p>
    <p class="verdict">${finding?.sentence ?? (answer.verdict === "sound" ? "Every step from the configuration to the stored value works." : "What is known does not say why.")}</p>
    ${finding?.remedy && html`<p class="soft">${finding.remedy}</p>`}
    ${device && html`<p class="row">${answer.verdict === "broken" && html`<a class="btn primary" href=${`/device/${device.id}/settings`}>${icon("key")}Settings of ${device.name}</a>`}
    <a class="btn" href=${`/device/${device.id}`}>Open ${device.name}</a></p>`}</div></section>`;
}

function Chain({ answer }) {
  const broken = answer.chain.findIndex(({ state }) => state === "broken");
  const step = ({ link, title, state, said, at }, i) => {
    const [kind, shape] = MARKS[state] ?? MARKS.unknown;
    const evidence = i === broken && answer.findings[0]?.evidence;
    return html`<li key=${link} data-s=${kind}><span class="mark">${icon(shape)}</span><span class="link">${title}</span><span class="said">${said}</span>
      <time class="muted small">${at ? clock(at, { withSeconds: true }) : ""}</time>${evidence && html`<span class="more">${evidence}</span>`}</li>`;
  };
  return html`<section class="card"><header class="ruled"><h2>From configuration to stored value</h2><span class="grow"></span>
    <span class="mono muted clip">${answer.path ?? ""}</span></header><ol class="chain">${answer.chain.map(step)}</ol></section>`;
}

function Gap({ path }) {
  const at = { from: now.value - HOUR_S, to: now.value, live: true };
  const { found } = useSeries([path], at);
  return found && html`<${ChartCard} title="The value and the gap" series=${drawable([path], found)} from=${at.from} to=${at.to} legend=${false} height=${150} />`;
}

const Evidence = ({ answer: { findings } }) =>
  findings.length > 0 &&
  html`<section class="card"><header class="ruled"><h2>Evidence</h2></header><div class="body"><dl class="kv">${findings.map(
    ({ sentence, evidence, since }) => html`<dt>${since ? `since ${clock(since)}` : "now"}</dt><dd>${evidence || sentence}</dd>`,
  )}</dl></div></section>`;
