// Protocols that bots declared: what they ask for, and what they store.

import { protocols } from "../state.js";
import { html } from "../ui.js";
import { Empty } from "../icons.js";
import { Head } from "../shell.js";
import { hint, plain } from "../parts/schema.js";

export function Protocols({ which, tabs }) {
  const shown = which ? [protocols.value.get(which)].filter(Boolean) : [...protocols.value.values()];
  return html`<${Head} title=${which ?? "Protocols"} crumbs=${
    which
      ? [
          ["Setup", "/setup"],
          ["Protocols", "/setup/protocols"],
        ]
      : [["Setup", "/setup"]]
  } />${tabs}<main class="page" id="main">
    ${shown.map(
      (declared) => html`<section class="card" key=${declared.name}><header class="ruled"><h2>${declared.name}</h2>
      <span class="tag">${declared.name}</span><span class="muted">${declared.about ?? ""}</span></header>
      <div class="body stack"><${FieldTable} title="Credential" schema=${declared.credential} />
        <${FieldTable} title="Sensor" schema=${declared.sensor} /><${Outputs} outputs=${declared.outputs} /></div></section>`,
    )}
    ${
      shown.length === 0 &&
      html`<section class="card">
      <${Empty} title="No protocol is declared">Bots declare what they need: start one of this version, or the hub with bots.<//></section>`
    }</main>`;
}

function FieldTable({ title, schema }) {
  const properties = Object.entries(plain(schema, schema).properties ?? {});
  return html`<h3>${title}</h3>${
    properties.length === 0
      ? html`<p class="muted">Nothing to set.</p>`
      : html`<div class="scroll"><table class="t">
    <thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead>
    <tbody>${properties.map(([name, raw]) => {
      const field = plain(raw, schema);
      return html`<tr><td class="mono">${name}</td>
      <td>${field.enum ? "choice" : (field.type ?? "")}${field["x-unit"] ? `, ${field["x-unit"]}` : ""}</td><td class="text">${hint(field)}</td>
      </tr>`;
    })}</tbody></table></div>`
  }`;
}

const Outputs = ({
  outputs,
}) => html`<h3>Values</h3><div class="scroll"><table class="t"><thead><tr><th>Path</th><th>Unit</th><th>Meaning</th></tr>
  </thead>
  <tbody>${outputs.map(
    ({ path, unit, title, meaning }) => html`<tr><td class="mono text">${path}</td><td>${unit}</td><td class="text">
    ${title}${meaning && `: ${meaning}`}</td></tr>`,
  )}</tbody></table></div>`;
