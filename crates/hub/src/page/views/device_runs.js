// What each bot did last of a device: when, how long, how many values, what was missing and why.

import { now, statuses } from "../state.js";
import { html } from "../ui.js";
import { age, clock, digits } from "../numbers.js";
import { Empty } from "../icons.js";

const MOST_ON_OVERVIEW = 5;

/** The runs of a device's jobs, the newest first: `[{bot, due, took, values, troubles, error, outcome, missing}]`. */
export function runsOf(device) {
  return (statuses.value ?? [])
    .flatMap(({ name, protocol, status }) =>
      (status?.jobs ?? [])
        .filter(({ entity }) => entity === device.id)
        .flatMap((job) => job.runs.map((run) => ({ ...run, bot: protocol ?? name, missing: missing(status, job, run) }))),
    )
    .sort((a, b) => b.due - a.due);
}

/** What a run met, in words: the troubles that stood then. */
function missing(status, job, run) {
  if (run.error) return run.error;
  const met = (status.troubles ?? []).filter((one) => one.job === job.id && one.since <= run.due && one.last >= run.due);
  return met.map(({ path, evidence }) => [path, evidence].filter(Boolean).join(": ")).join("; ");
}

const took = (seconds) => (seconds < 0.1 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds)} s`);

export function RunTable({ device, most = Infinity }) {
  const runs = runsOf(device).slice(0, most);
  return html`<section class="card" aria-labelledby="runs"><header class="ruled"><h2 id="runs">Last runs</h2>
    <span class="muted">what each bot did last, and what it missed</span></header>
    ${
      runs.length === 0
        ? html`<${Empty} sign="clock" title="No run is known yet">${statuses.value === null ? "This hub does not know what its bots did." : "A bot tells of its runs some seconds after the first one."}<//>`
        : html`<div class="scroll"><table class="t cards"><thead><tr><th>Bot</th><th>When</th><th class="num">Took</th><th class="num">Values</th>
      <th>Missing, and why</th></tr></thead><tbody>${runs.map((run) => html`<${Run} key=${`${run.bot}${run.due}`} run=${run} device=${device} />`)}</tbody>
      </table></div>`
    }</section>`;
}

function Run({ run, device }) {
  const bad = run.missing || run.outcome !== "ok";
  return html`<tr><td data-at="a"><b>${run.bot}</b></td>
    <td class="muted" data-at="b"><time title=${`${age(now.value - run.due)} ago`}>${clock(run.due, { withSeconds: true })}</time></td>
    <td class="num">${took(run.took)}</td><td class="num" data-at="d">${run.values}</td>
    <td class="who" data-at="c">${
      bad
        ? html`<a href=${`/why/device/${device.id}`} title=${run.missing}>${run.missing || run.outcome}</a>`
        : html`<span class="muted">nothing</span>`
    }</td></tr>`;
}

export const Runs = ({ device }) => html`<${RunTable} device=${device} />`;
export const LastRuns = ({ device }) => html`<${RunTable} device=${device} most=${MOST_ON_OVERVIEW} />`;
