// From an empty hub to the first values: the admin, the account, the first device. Later it adds further devices.

import { get, login, post, setupSecret } from "../api.js";
import { devices, lookNow, profile, reloadAccounts } from "../state.js";
import { html, useSignal } from "../ui.js";
import { go } from "../router.js";
import { LOGO, icon } from "../icons.js";
import { Step } from "../parts/step.js";
import { DeviceStep, FirstValues, added } from "./first_device.js";

const FIRST_ACCOUNT = "Main";

export function First({ step }) {
  const further = step === "device" && devices.value.length > 0 && !added.value;
  const title = further ? "Add a device" : "Welcome to Grafolean";
  const number = { admin: 0, account: 1, device: 2 }[step];
  const Now = [Admin, Account, DeviceStep][number];
  const done = (word, about) => html`<section class="card step done"><header><h2>${word}</h2><span class="grow"></span><span class="muted">
    ${about}</span></header></section>`;
  const later = (word, about) =>
    html`<section class="card step"><header><h2>${word}</h2><span class="muted">${about}</span></header></section>`;
  return html`<div class="solo"><header class="head"><span class="brand">${LOGO}</span><h1>${title}</h1><span class="grow">
    </span>${further ? html`<a class="btn" href="/devices">Back to the devices</a>` : html`<span class="muted desk">three steps, about three minutes</span>`}
    </header>
    <main class="page" id="main"><div class="steps">
      ${!further && number > 0 && done("Create the admin", profile.value?.record?.username ?? "")}
      <${Now} />
      ${number < 2 && later("Add your first device", "its address, and what to measure")}
      ${step === "device" ? html`<${FirstValues} />` : later("See the first values", "the first arrive some seconds after adding")}</div></main></div>`;
}

function Admin() {
  const bare = useSignal(false);
  const submit = async ({ username, email, password, secret }) => {
    await post("admin/first", {
      username,
      password,
      name: username,
      email: email || `${username}@localhost`,
      ...(secret && { setup_secret: secret }),
    });
    await login(username, password);
    // An account holds devices and their values: the first one can be renamed in Setup.
    if ((await get("accounts")).list.length === 0) await post("admin/accounts", { name: FIRST_ACCOUNT });
    await lookNow();
    go("/first/device", { replace: true });
  };
  return html`<${Step} title="Create the admin" verb="Create admin" submit=${submit}><div class="form slim"><p class="soft full">The hub printed a set-up secret when it started; it also stands in 
      <code>setup-secret</code> in its data folder.</p>
    <div class="field full"><label for="secret">Set-up secret</label>
      <input class="input mono" id="secret" name="secret" autocomplete="one-time-code" spellcheck="false" 
        value=${setupSecret} /></div>
    <div class="field"><label for="username">User name</label>
      <input class="input" id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required /></div>
    <div class="field"><label for="email">Email</label>
      <input class="input" id="email" name="email" type="email" autocomplete="email" placeholder="not needed" /></div>
    <div class="field full"><label for="password">Password</label><div class="affix">
      <input class="input" id="password" name="password" type=${bare.value ? "text" : "password"} autocomplete="new-password" required minlength="8" aria-describedby="pwh" />
      <button class="btn icon" type="button" aria-label=${bare.value ? "Hide password" : "Show password"} onClick=${() => (bare.value = !bare.value)}>${icon("eye")}</button></div>
      <p class="hint" id="pwh">At least 8 characters; a sentence is fine.</p></div></div><//>`;
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

