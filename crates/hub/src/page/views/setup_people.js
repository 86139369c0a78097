// People who may log in, and what each may do.

import { get, post, remove } from "../api.js";
import { accounts, profile } from "../state.js";
import { html, signal, useEffect, useSignal } from "../ui.js";
import { Note, icon } from "../icons.js";
import { Head } from "../shell.js";
import { say } from "../parts/dialog.js";
import { FormCard, RemoveButton } from "../parts/save.js";

const people = signal(null);
const rights = signal(new Map());

async function load() {
  const { list } = await get("persons");
  const each = await Promise.all(list.map(async ({ user_id: id }) => [id, (await get(`users/${id}/permissions`)).list]));
  people.value = list;
  rights.value = new Map(each);
}

/** A right in words. */
function inWords({ resource_prefix: prefix, methods }) {
  const where =
    prefix === null
      ? "everything"
      : prefix.replace(/^accounts\/(\d+)/, (all, id) => accounts.value?.find((one) => String(one.id) === id)?.name ?? all);
  return `${methods === null ? "may do all" : methods.join(", ")} on ${where}`;
}

export function People({ tabs }) {
  const problem = useSignal(null),
    draft = useSignal({ username: "", password: "", name: "", account: "" });
  useEffect(() => {
    load().catch((error) => (problem.value = error.message));
  }, []);
  const set = (name) => (event) => (draft.value = { ...draft.value, [name]: event.target.value });
  const check = () =>
    new Map(["username", "password"].filter((name) => !draft.value[name].trim()).map((name) => [`/${name}`, "This is needed."]));
  const add = async () => {
    const { username, password, name, account } = draft.value;
    const made = await post("persons", { username, password, name: name || username, email: `${username}@localhost` });
    await post(`users/${made.id ?? made.user_id}/permissions`, { resource_prefix: account ? `accounts/${account}` : null, methods: null });
    draft.value = { username: "", password: "", name: "", account: "" };
    say(`${username} may log in`);
    await load();
  };
  const field = (name, word, type, complete) => html`<div class="field"><label for=${`f-${name}`}>${word}</label>
    <input class="input" id=${`f-${name}`} type=${type} autocomplete=${complete} value=${draft.value[name]} onInput=${set(name)} /></div>`;
  return html`<${Head} title="People and rights" crumbs=${[["Setup", "/setup"]]} />${tabs}<main class="page" id="main">
    ${problem.value && html`<${Note} kind="warn">${problem.value}<//>`}<div class="cols wide">
    <section class="card"><table class="t" aria-label="People"><thead><tr><th>Person</th><th>Rights</th><th><span class="sr">Actions</span></th></tr></thead>
      <tbody>${(people.value ?? []).map((one) => html`<${Row} key=${one.user_id} person=${one} />`)}</tbody></table></section>
    <${FormCard} title="New person" check=${check} save=${add} verb="Create person" dirty=${false}>
      ${field("username", "User name", "text", "off")}${field("password", "Password", "password", "new-password")}${field("name", "Full name", "text", "off")}
      <div class="field"><label for="f-account">May do all in</label>
        <select class="input" id="f-account" value=${draft.value.account} onChange=${set("account")}>
        <option value="">every account, and set up people</option>${(accounts.value ?? []).map(
          ({ id, name }) => html`<option value=${id}>${name}
        </option>`,
        )}</select></div><//></div></main>`;
}

function Row({ person: { user_id: id, username, name } }) {
  const own = rights.value.get(id) ?? [];
  const drop = async () => {
    await remove(`persons/${id}`).catch((error) => say(error.message));
    await load();
  };
  const take = (permission) => remove(`users/${id}/permissions/${permission}`).then(load, (error) => say(error.message));
  return html`<tr><td><span class="name">${username}</span> <span class="muted">
    ${name !== username ? name : ""}${id === profile.value?.user_id ? " you" : ""}</span></td>
    <td class="text">${own.map(
      (right) => html`<span class="token-chip">
      ${inWords(right)}${id !== profile.value?.user_id && html`<button type="button" class="series" aria-label=${`Take away: ${inWords(right)}`} 
        onClick=${() => take(right.id)}>${icon("cross")}</button>`}</span> `,
    )}${own.length === 0 && html`<span class="muted">none</span>`}</td>
    <td class="num">${id !== profile.value?.user_id && html`<${RemoveButton} what=${username} 
      consequence="They can no longer log in. What they set up stays." remove=${drop} />`}</td></tr>`;
}
