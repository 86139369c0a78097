// From an empty hub to the first values: the admin, the account, the first device. Later it adds further devices.

import { login, post, setupSecret } from "../api.js";
import { accounts, devices, lookNow, reloadAccounts } from "../state.js";
import { html } from "../ui.js";
import { go } from "../router.js";
import { LOGO } from "../icons.js";
import { Step } from "../parts/step.js";
import { DeviceStep, FirstValues, added } from "./first_device.js";

export function First({ step }) {
  const further = step === "device" && devices.value.length > 0 && !added.value;
  const title = further ? "Add a device" : "Welcome to Grafolean";
  const number = { admin: 0, account: 1, device: 2 }[step];
  const Now = [Admin, Account, DeviceStep][number];
  const done = (
    at,
    word,
    about,
  ) => html`<section class="card step done"><header><h2>${word}</h2><span class="grow"></span><span class="muted">
    ${about}</span></header></section>`;
  const later = (word, about) =>
    html`<section class="card step"><header><h2>${word}</h2><span class="muted">${about}</span></header></section>`;
  return html`<div class="solo"><header class="head"><span class="brand">${LOGO}</span><h1>${title}</h1><span class="grow">
    </span>${further ? html`<a class="btn" href="/devices">Back to the devices</a>` : html`<span class="muted">three minutes, no manual</span>`}
    </header>
    <main class="page" id="main"><div class="steps">
      ${!further && number > 0 && done(0, "Create the admin", "")}${!further && number > 1 && done(1, "Name the account", accounts.value?.[0]?.name)}
      <${Now} />
      ${number < 1 && later("Name the account", "an account holds devices and their values")}${number < 2 && later("Add your first device", "its address, and what to measure")}
      ${step === "device" && html`<${FirstValues} />`}</div></main></div>`;
}

function Admin() {
  const submit = async ({ username, password, secret }) => {
    await post("admin/first", {
      username,
      password,
      name: username,
      email: `${username}@localhost`,
      ...(secret && { setup_secret: secret }),
    });
    await login(username, password);
    await lookNow();
    go("/first/device", { replace: true });
  };
  return html`<${Step} title="Create the admin" verb="Create admin" submit=${submit}><div class="form">
    <div class="field full"><label for="secret">Set-up secret</label>
      <input class="input mono" id="secret" name="secret" autocomplete="one-time-code" spellcheck="false" 
        value=${setupSecret} /><span 
        class="hint">The hub printed it when it started: only who runs the hub may create its first user.</span></div>
    <div class="field"><label for="username">User name</label>
      <input class="input" id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required /></div>
    <div class="field"><label for="password">Password</label>
      <input class="input" id="password" name="password" type="password" autocomplete="new-password" required /></div></div><//>`;
}

function Account() {
  const submit = async ({ name }) => {
    await post("admin/accounts", { name });
    await reloadAccounts();
    await lookNow();
    go("/first/device", { replace: true });
  };
  return html`<${Step} title="Name the account" verb="Create account" submit=${submit}><div class="field"><label for="name">Name</label>
    <input class="input" id="name" name="name" autocomplete="organization" placeholder="Example Ltd" required />
    <span class="hint">An account holds devices, what is measured of them, and the values.</span></div><//>`;
}

