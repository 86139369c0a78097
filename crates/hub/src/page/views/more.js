// On a phone: what has no place among the tabs at the bottom.

import { accounts, accountId, chooseAccount, leave } from "../state.js";
import { html } from "../ui.js";
import { go } from "../router.js";
import { icon } from "../icons.js";
import { Head, otherTheme } from "../shell.js";
import { goTo } from "../parts/goto.js";

const VIEWS = [
  ["boards", "Dashboards", "/boards"],
  ["events", "Events", "/events"],
  ["discover", "Discover", "/discover"],
  ["setup", "Setup", "/setup/credentials"],
];

export const More = () => html`<${Head} title="More" /><main class="page" id="main"><section class="card"><div class="body stack">
  ${VIEWS.map(([sign, word, href]) => html`<a class="btn" href=${href}>${icon(sign)}${word}</a>`)}
  <button type="button" class="btn" onClick=${goTo}>${icon("search")}Find or go to</button>
  ${accounts.value?.length > 1 && html`<select class="input" aria-label="Account" value=${accountId.value} 
    onChange=${(event) => chooseAccount(Number(event.target.value))}>${accounts.value.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</select>`}
  <button type="button" class="btn" onClick=${otherTheme}>${icon("sun")}Light or dark</button>
  <button type="button" class="btn" onClick=${() => (leave(), go("/"))}>${icon("leave")}Log out</button></div></section></main>`;
