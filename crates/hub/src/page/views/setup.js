// What is set up in the account: credentials, sensors, people and rights, accounts; forms come from the declarations.

import { html } from "../ui.js";
import { segments } from "../router.js";
import { Credentials } from "./setup_credentials.js";
import { Sensors } from "./setup_sensors.js";
import { People } from "./setup_people.js";
import { Accounts } from "./setup_accounts.js";
import { Protocols } from "./setup_protocols.js";

const TABS = [
  ["credentials", "Credentials", Credentials],
  ["sensors", "Sensors", Sensors],
  ["people", "People and rights", People],
  ["accounts", "Accounts", Accounts],
  ["protocols", "Protocols", Protocols],
];

export function Setup() {
  const [, tab = "credentials", which] = segments.value;
  const [name, , View] = TABS.find(([one]) => one === tab) ?? TABS[0];
  return html`<${View} key=${`${name}/${which ?? ""}`} which=${which} tabs=${html`<nav class="tabs" 
    aria-label="Setup">${TABS.map(([one, word]) => html`<a href=${`/setup/${one}`} aria-current=${one === name ? "page" : undefined}>${word}</a>`)}
    </nav>`} />`;
}
