// "Find or go to": devices, interfaces, views and settings by a few letters of their names.

import { children, credentials, devices, entities, sensors } from "../state.js";
import { html, render, useEffect, useRef, useSignal } from "../ui.js";
import { go } from "../router.js";
import { icon } from "../icons.js";

const MOST = 12;
const VIEWS = [
  ["Devices", "/devices"],
  ["Explore", "/explore"],
  ["Flows", "/flows"],
  ["Dashboards", "/boards"],
  ["Events", "/events"],
  ["Bots", "/bots"],
  ["Discover", "/discover"],
  ["Add device", "/first/device"],
  ["Accounts", "/setup/accounts"],
  ["People and rights", "/setup/people"],
  ["Credentials", "/setup/credentials"],
  ["Sensors", "/setup/sensors"],
  ["Protocols", "/setup/protocols"],
];

function everything() {
  const address = ({ details }) =>
    ["ipv4", "ipv6", "hostname"]
      .map((key) => details?.[key])
      .filter(Boolean)
      .join(" ");
  const below = [...children.value].flatMap(([parent, list]) =>
    list.map((child) => ({
      icon: "right",
      name: child.name,
      about: entities.value.get(parent)?.name ?? "",
      href: `/device/${parent}/interfaces?q=${encodeURIComponent(child.name)}`,
    })),
  );
  return [
    ...VIEWS.map(([name, href]) => ({ icon: "explore", name, about: "view", href })),
    ...devices.value.map((device) => ({ icon: "devices", name: device.name, about: address(device), href: `/device/${device.id}` })),
    ...[...credentials.value.values()].map(({ id, name, protocol }) => ({
      icon: "key",
      name,
      about: `${protocol} credential`,
      href: `/setup/credentials/${id}`,
    })),
    ...[...sensors.value.values()].map(({ id, name, protocol }) => ({
      icon: "setup",
      name,
      about: `${protocol} sensor`,
      href: `/setup/sensors/${id}`,
    })),
    ...below,
  ];
}

/** Names that hold all words; those that begin so come first. */
export function matching(things, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = things.filter(({ name, about }) => words.every((word) => `${name} ${about}`.toLowerCase().includes(word)));
  return found
    .sort((a, b) => Number(b.name.toLowerCase().startsWith(words[0] ?? "")) - Number(a.name.toLowerCase().startsWith(words[0] ?? "")))
    .slice(0, MOST);
}

export function goTo() {
  if (document.querySelector("dialog.goto")) return;
  const place = document.body.appendChild(document.createElement("div"));
  const close = () => {
    render(null, place);
    place.remove();
  };
  render(html`<${Finder} close=${close} />`, place);
}

function Finder({ close }) {
  const text = useSignal(""),
    at = useSignal(0),
    dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), []);
  const found = matching(everything(), text.value);
  const choose = (one) => {
    close();
    go(one.href);
  };
  const key = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) ((at.value = (at.value + step + found.length) % Math.max(1, found.length)), event.preventDefault());
    if (event.key === "Enter" && found[at.value]) (event.preventDefault(), choose(found[at.value]));
  };
  return html`<dialog class="dialog goto" ref=${dialog} aria-label="Find or go to" onClose=${close} 
    onClick=${(event) => event.target === dialog.current && close()}>
    <div class="filter">${icon("search")}
      <input autofocus role="combobox" aria-expanded="true" aria-controls="found" 
        aria-activedescendant=${found.length ? `found-${at.value}` : undefined}
      aria-label="Find or go to" placeholder="Device, interface, view or setting" value=${text.value} onInput=${(event) => {
        text.value = event.target.value;
        at.value = 0;
      }} onKeyDown=${key} /></div>
    <ul class="plain" id="found" role="listbox" aria-label="Found">
      ${found.map(
        (one, i) => html`<li id=${`found-${i}`} role="option" aria-selected=${i === at.value} onClick=${() => choose(one)}>
      ${icon(one.icon)}${one.name}<span class="grow"></span><span class="muted small">${one.about}</span></li>`,
      )}
      ${found.length === 0 && html`<li class="muted" role="option" aria-selected="false">Nothing is called so.</li>`}</ul></dialog>`;
}
