// What is set up in the account: credentials, sensors, people and rights, accounts; forms come from the declarations.

import { html } from "../ui.js";
import { segments } from "../router.js";
import { Credentials } from "./setup_credentials.js";
import { Sensors } from "./setup_sensors.js";
import { People } from "./setup_people.js";
import { Accounts } from "./setup_accounts.js";
import { Protocols } from "./setup_protocols.js";
import { Retention } from "./setup_retention.js";

const TABS = [
  ["accounts", "Accounts", Accounts],
  ["people", "People and rights", People],
  ["credentials", "Credentials", Credentials],
  ["sensors", "Sensors", Sensors],
  ["bots", "Bots", null],
  ["protocols", "Protocols", Protocols],
  ["retention", "Retention", Retention],
];

export function Setup() {
  const [, tab = "credentials", which] = segments.value;
  const [name, , View] = TABS.find(([one, , there]) => one === tab && there) ?? TABS[2];
  return html`<${View} key=${`${name}/${which ?? ""}`} which=${which} tabs=${html`<nav class="tabs" 
    aria-label="Setup">${TABS.map(([one, word]) => html`<a href=${one === "bots" ? "/bots" : `/setup/${one}`} aria-current=${one === name ? "page" : undefined}>${word}</a>`)}
    </nav>`} />`;
}
