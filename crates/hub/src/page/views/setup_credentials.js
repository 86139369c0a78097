// Credentials: how devices are reached, by protocol.

import { credentials } from "../state.js";
import { html } from "../ui.js";
import { Records } from "../parts/record.js";

const KIND = {
  title: "Credentials",
  singular: "credential",
  plural: "credentials",
  columns: [],
  about: "A credential says how devices are reached by a protocol: a community, a user with keys, time-outs. Many devices can share one.",
  rows: () => credentials.value,
  schemaOf: (declared) => declared?.credential,
  uses: (id) => (enabled) => enabled.credential === id,
};

export const Credentials = ({ which, tabs }) => html`<${Records} kind=${KIND} which=${which} tabs=${tabs} />`;
