// The way in for a person with a password.

import { login } from "../api.js";
import { lookNow } from "../state.js";
import { html, useSignal } from "../ui.js";
import { LOGO, Note } from "../icons.js";

export function Login() {
  const problem = useSignal(null),
    busy = useSignal(false);
  const submit = async (event) => {
    event.preventDefault();
    const { username, password } = Object.fromEntries(new FormData(event.target));
    busy.value = true;
    problem.value = null;
    try {
      await login(username, password);
      await lookNow();
    } catch (error) {
      problem.value =
        error.name === "LoggedOut" || error.status === 401 ? "The hub knows no such user name with this password." : error.message;
    }
    busy.value = false;
  };
  return html`<div class="solo"><header class="head"><span class="brand">${LOGO}</span><h1>Grafolean</h1></header>
    <main class="page" id="main"><form class="card slim" onSubmit=${submit}><header class="ruled"><h2>Log in</h2></header><div class="body stack">
      ${problem.value && html`<${Note} kind="bad" alert>${problem.value}<//>`}
      <div class="field"><label for="username">User name</label>
        <input class="input" id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus />
        </div>
      <div class="field"><label for="password">Password</label>
        <input class="input" id="password" name="password" type="password" autocomplete="current-password" required /></div></div>
      <footer><button class="btn primary" disabled=${busy.value}>Log in</button></footer></form></main></div>`;
}
