// How long values are kept: a setting of the hub, shown here, and rules of the account that is looked at.

import { get } from "../api.js";
import { html, useEffect, useSignal } from "../ui.js";
import { count, digits, shown } from "../numbers.js";
import { Note } from "../icons.js";
import { Head } from "../shell.js";
import { accountId } from "../state.js";
import { Rules } from "./setup_retention_rules.js";

export function Retention({ tabs }) {
  const found = useSignal(null),
    problem = useSignal(null);
  useEffect(() => {
    get("hub/retention").then(
      (answer) => (found.value = answer),
      (error) => (problem.value = error.message),
    );
  }, []);
  const { days, series, bytes } = found.value ?? {};
  return html`<${Head} title="Retention" crumbs=${[["Setup", "/setup"]]} />${tabs}<main class="page" id="main">
    ${problem.value && html`<${Note} kind="warn">${problem.value}<//>`}
    ${
      found.value &&
      html`<section class="card"><header class="ruled"><h2>How long values are kept</h2></header><div class="body stack"><dl class="kv">
      <dt>Values</dt><dd>${days === null ? "for ever" : count(days, "day")}</dd><dt>Stored now</dt><dd>${digits(series)} series in ${shown(bytes, "B")}</dd></dl>
      <p class="soft">It is a setting of the hub, <code>hub_retention</code>: set it where the hub is started, and start the hub again.</p>
      <pre class="snippet" tabindex="0">grafolean hub --hub-retention 365d</pre></div></section>`
    }
    ${accountId.value !== null && html`<${Rules} key=${accountId.value} />`}</main>`;
}
