// Links that show a dashboard to whoever has them: read-only, of this dashboard alone, until they are taken back.

import { get, post, remove } from "../api.js";
import { now, ours } from "../state.js";
import { html, useEffect, useSignal } from "../ui.js";
import { day, moment } from "../numbers.js";
import { Note, icon } from "../icons.js";
import { CopyButton, ask, say } from "../parts/dialog.js";

const DAY_S = 86_400;
const SPANS = [
  ["7 days", 7],
  ["30 days", 30],
  ["a year", 365],
  ["until it is taken back", null],
];

/** The shares of a dashboard: `{list, reload}`; nobody is told of them who may not see them. */
export function useShares(slug) {
  const list = useSignal([]);
  const reload = () =>
    get(ours(`dashboards/${slug}/shares`)).then(
      (found) => (list.value = found.list.filter(({ until }) => !until || until > now.peek())),
      () => (list.value = []),
    );
  useEffect(() => void reload(), [slug]);
  return { list: list.value, reload };
}

export function Shares({ slug, name, shares: { list, reload }, done }) {
  const days = useSignal("30"),
    made = useSignal(null),
    problem = useSignal(null);
  const make = async (event) => {
    event.preventDefault();
    try {
      const until = days.value ? Math.floor(now.peek() + Number(days.value) * DAY_S) : null;
      const { token } = await post(ours(`dashboards/${slug}/shares`), { until });
      made.value = `${location.origin}/shared/${token}`;
      await reload();
    } catch (error) {
      problem.value = error.message;
    }
  };
  const end = async ({ id }) => {
    if (!(await ask({ title: "Take this link back?", text: `Whoever has it no longer sees ${name}.`, yes: "Take it back", no: "Keep it" }))) return;
    await remove(ours(`dashboards/${slug}/shares/${id}`));
    made.value = null;
    await reload();
    say("The link shows nothing any more");
  };
  return html`<section class="card w3" aria-label="Share"><header class="ruled"><h2>Share ${name}</h2><span class="muted">read only, without a login, the values of this dashboard alone</span>
    <span class="grow"></span><button type="button" class="btn small quiet icon" aria-label="Close" onClick=${done}>${icon("cross")}</button></header><div class="body stack">
    ${problem.value && html`<${Note} kind="bad" alert>${problem.value}<//>`}
    ${made.value && html`<${Note} kind="warn">This link is shown once. Copy it now; a lost one is replaced, not read.<//>
      <div class="secret" data-s="warn" data-copy><span class="grow">${made.value}</span><${CopyButton} text=${made.value} /></div>`}
    <form class="row" onSubmit=${make}><label for="f-until">New link for</label><select class="input" id="f-until" value=${days.value} onChange=${(event) => (days.value = event.target.value)}>
      ${SPANS.map(([word, many]) => html`<option value=${many ?? ""}>${word}</option>`)}</select><button class="btn primary">Create link</button></form>
    ${
      list.length > 0 &&
      html`<table class="t" aria-label="Links"><thead><tr><th>Made</th><th>Ends</th><th class="num"><span class="sr">Actions</span></th></tr></thead><tbody>${list.map(
        (one) => html`<tr key=${one.id}><td>${moment(one.created)}</td><td>${one.until ? day(one.until) : "when it is taken back"}</td>
        <td class="num"><button type="button" class="btn small danger" onClick=${() => end(one)}>Take back</button></td></tr>`,
      )}</tbody></table>`
    }</div></section>`;
}
