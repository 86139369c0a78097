// An address that names nothing, with what is near.

import { devices } from "../state.js";
import { html } from "../ui.js";
import { path } from "../router.js";
import { Empty } from "../icons.js";
import { Head } from "../shell.js";

const KNOWN = [
  ["Devices", "/devices"],
  ["Explore", "/explore"],
  ["Flows", "/flows"],
  ["Dashboards", "/boards"],
  ["Bots", "/bots"],
  ["Setup", "/setup/credentials"],
];

/** How many letters two texts share from their beginning and in all. */
function likeness(a, b) {
  const pairs = (text) => new Set([...text].slice(1).map((letter, i) => text[i] + letter));
  const [x, y] = [pairs(a), pairs(b)];
  return [...x].filter((pair) => y.has(pair)).length / Math.max(1, x.size + y.size);
}

export function Missing() {
  const all = [...KNOWN, ...devices.value.map(({ id, name }) => [name, `/device/${id}`])];
  const near = all
    .map(([name, href]) => ({ name, href, like: Math.max(likeness(path.value, href), likeness(path.value, `/${name.toLowerCase()}`)) }))
    .sort((a, b) => b.like - a.like)
    .slice(0, 3);
  return html`<${Head} title="Nothing here" /><main class="page" id="main"><section class="card">
    <${Empty} title="Nothing here" action=${html`<span class="row">${near.map(({ name, href }) => html`<a class="btn" href=${href}>${name}</a>`)}
      </span>`}>The address ${path.value} names no view. These are near:<//></section></main>`;
}
