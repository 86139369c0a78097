// Whether a device can be measured so, asked before anything is saved: what answers, what it is, what to do where it does not.

import { post } from "../api.js";
import { accountId } from "../state.js";
import { html } from "../ui.js";
import { icon } from "../icons.js";

/** Asks for each protocol; `{protocol: {ok, summary, facts, problem, remedy, took}}` grows as answers come. */
export async function test(subjects, told) {
  await Promise.all(
    subjects.map(async ({ protocol, ...subject }) => {
      const found = await post(`hub/test/${protocol}`, { account: accountId.value, ...subject }).catch((error) => ({
        // A protocol that this hub cannot test says nothing about the device.
        unknown: error.status === 404,
        ok: false,
        facts: [],
        summary: error.message,
      }));
      told(protocol, found);
    }),
  );
}

export function TestPanel({ results, running, press, disabled, children }) {
  const known = Object.entries(results).filter(([, { unknown }]) => !unknown);
  const untried = known.length === 0 && Object.keys(results).length > 0;
  const good = known.filter(([, { ok }]) => ok).length;
  const took = Math.max(0, ...known.map(([, one]) => one.took ?? 0));
  const word = known.length === 0 ? null : good === known.length ? ["ok", "answers"] : good > 0 ? ["warn", "answers in part"] : ["bad", "no answer"];
  return html`<section class="panel" aria-labelledby="test"><div class="row"><h3 id="test">Test</h3>${word && html`<span class="tag" data-s=${word[0]}>${word[1]}</span>`}
    <span class="grow"></span>${took > 0 && html`<span class="muted small">${took.toFixed(2)} s</span>`}
    <button type="button" class="btn small" disabled=${running || disabled} onClick=${press}>${icon("retry")}Test</button></div>
    <div role="status"><ul class="checks">${known.map(([protocol, one]) => html`<${Result} key=${protocol} protocol=${protocol} ...${one} />`)}${children}</ul></div>
    ${known.length === 0 && html`<p class="muted small">${running ? "Asking …" : untried ? "This hub cannot ask devices itself: the bot says what answers." : disabled ? "Enter an address first." : "Says what answers, and what it is. Nothing is saved."}</p>`}</section>`;
}

function Result({ protocol, ok, summary, facts = [], problem, remedy, took }) {
  return html`<li data-s=${ok ? "ok" : "bad"}>${icon(ok ? "up" : "bad")}<span>${ok ? summary : (problem ?? summary)}</span>
    <small>${took ? `${protocol}, ${(took * 1e3).toFixed(0)} ms` : protocol}</small>
    ${!ok && remedy && html`<span class="detail">${remedy}</span>`}
    ${ok && facts.length > 0 && html`<span class="detail">${facts.map(({ name, value }) => `${name} ${value}`).join(", ")}</span>`}</li>`;
}
