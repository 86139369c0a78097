// Dead letters of a bot: values that this hub refused, each with why; they can be tried again or dropped.

import { post } from "../api.js";
import { ours } from "../state.js";
import { html, useSignal } from "../ui.js";
import { clock, count, moment } from "../numbers.js";
import { icon } from "../icons.js";
import { ask, say } from "../parts/dialog.js";

export function DeadLetters({ row: { bot, status } }) {
  const ordered = useSignal(new Set());
  const { count: number, newest } = status.dead_letters;
  const letters = newest.filter(({ id }) => !ordered.value.has(id));
  const order = async (what, ids) => {
    await post(ours(`bots/${bot.id}/dead-letters`), { [what]: ids }).then(
      () => {
        ordered.value = new Set([...ordered.value, ...ids]);
        say(`${bot.name} is told to ${what} ${count(ids.length, "value")}`);
      },
      (error) => say(error.message),
    );
  };
  const drop = async (ids) => {
    const question = { title: `Drop ${count(ids.length, "dead letter")} of ${bot.name}?`, text: "The values are lost for good. Charts keep a gap there.", yes: `Drop ${ids.length}`, no: "Keep them" };
    if (await ask(question)) await order("drop", ids);
  };
  const all = letters.map(({ id }) => id);
  return html`<section class="card" aria-label=${`Dead letters of ${bot.name}`}><header class="ruled"><h2>Dead letters of ${bot.name}</h2><span class="tag" data-s="warn">
    ${count(number, "value")} refused</span><span class="grow"></span><button type="button" class="btn small" disabled=${all.length === 0} onClick=${() => order("retry", all)}>${icon("retry")}Retry all</button>
    <button type="button" class="btn small danger" disabled=${all.length === 0} onClick=${() => drop(all)}>${icon("trash")}Drop all</button></header>
    <div class="scroll"><table class="t cards"><thead><tr><th>When</th><th>Path</th><th>Refused because</th><th class="num"><span class="sr">Actions</span></th></tr></thead><tbody>
    ${letters.map(
      ({ id, path, time, rejected_at: at, reason }) => html`<tr key=${id}><td class="muted" data-at="b"><time title=${moment(time ?? at)}>${clock(time ?? at, { withSeconds: true })}</time></td>
      <td class="mono clip" data-at="a" title=${path}>${path ?? "entities"}</td><td class="who" data-at="c" title=${reason}>${reason}</td>
      <td class="num"><button type="button" class="btn small quiet icon" aria-label=${`Retry ${path}`} onClick=${() => order("retry", [id])}>${icon("retry")}</button>
      <button type="button" class="btn small quiet icon" aria-label=${`Drop ${path}`} onClick=${() => drop([id])}>${icon("trash")}</button></td></tr>`,
    )}</tbody></table></div></section>`;
}
