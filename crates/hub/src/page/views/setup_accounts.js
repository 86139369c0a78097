// Accounts: each has its own devices, values and bots.

import { post, put } from "../api.js";
import { accountId, accounts, chooseAccount, reloadAccounts } from "../state.js";
import { html, useSignal } from "../ui.js";
import { icon } from "../icons.js";
import { Head } from "../shell.js";
import { say } from "../parts/dialog.js";
import { FormCard } from "../parts/save.js";

export function Accounts({ tabs }) {
  const fresh = useSignal("");
  const add = async () => {
    await post("admin/accounts", { name: fresh.value.trim() });
    await reloadAccounts();
    say(`Account ${fresh.value.trim()} is there, with its first credentials and sensors`);
    fresh.value = "";
  };
  const check = () => new Map(fresh.value.trim() ? [] : [["/name", "This is needed."]]);
  return html`<${Head} title="Accounts" crumbs=${[["Setup", "/setup"]]} />${tabs}<main class="page" id="main"><div class="cols wide">
    <section class="card"><table class="t" aria-label="Accounts"><thead><tr><th>Account</th><th class="num">Id</th><th><span class="sr">Actions</span></th></tr></thead>
      <tbody>${(accounts.value ?? []).map((one) => html`<${Row} key=${one.id} account=${one} />`)}</tbody></table></section>
    <${FormCard} title="New account" check=${check} save=${add} verb="Create account" dirty=${false}><div class="field">
      <label for="f-name">Name</label><input class="input" id="f-name" value=${fresh.value} 
        onInput=${(event) => (fresh.value = event.target.value)} /></div><//></div></main>`;
}

function Row({ account: { id, name } }) {
  const editing = useSignal(null);
  const rename = async (event) => {
    event.preventDefault();
    await put(`accounts/${id}`, { name: editing.value.trim() }).catch((error) => say(error.message));
    editing.value = null;
    await reloadAccounts();
  };
  return html`<tr><td class="who">${
    editing.value === null
      ? html`<span class="name">${name}
    </span> ${id === accountId.value && html`<span class="muted">looked at</span>`}`
      : html`<form class="row" onSubmit=${rename}>
    <input class="input" aria-label="Name" value=${editing.value} onInput=${(event) => (editing.value = event.target.value)} />
    <button class="btn small">Rename</button></form>`
  }</td>
    <td class="num muted">${id}</td><td class="num">
      <button type="button" class="btn small quiet icon" aria-label=${`Rename ${name}`} onClick=${() => (editing.value = name)}>${icon("edit")}
      </button>
    ${id !== accountId.value && html`<button type="button" class="btn small" onClick=${() => chooseAccount(id)}>Look at</button>`}</td></tr>`;
}
