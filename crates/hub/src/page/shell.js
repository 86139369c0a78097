// What stands around every view: navigation, the head of the page, the state of the connection, "Find or go to".

import { LOGO, icon } from "./icons.js";
import { loggedIn } from "./api.js";
import { live } from "./live.js";
import {
  account,
  accounts,
  bots,
  chooseAccount,
  coarseNow,
  devices,
  entities,
  findings,
  leave,
  overview,
  profile,
  statuses,
  trouble,
} from "./state.js";
import { computed, html, useEffect, useRef, useSignal } from "./ui.js";
import { go, path } from "./router.js";
import { healthOf } from "./parts/health.js";
import { theme } from "./parts/colours.js";
import { Toast, copied } from "./parts/dialog.js";
import { goTo } from "./parts/goto.js";
import { showKeys } from "./parts/keys.js";
import { count } from "./numbers.js";

const VIEWS = [
  ["devices", "Devices"],
  ["explore", "Explore"],
  ["flows", "Flows"],
  ["boards", "Dashboards"],
  ["events", "Events"],
  null,
  ["bots", "Bots"],
  ["discover", "Discover"],
  ["setup", "Setup"],
];
/** Those at the bottom of a phone; the others are behind "More". */
const TABS = ["devices", "explore", "flows", "bots"];
/** Other first segments that belong to an item of the navigation. */
const BELONGS = { device: "devices", board: "boards", bot: "bots", first: "devices", why: "devices" };

/** The health of each device, by its id: one computation for the list, the badge and the head of a device. */
export const health = computed(() => {
  if (!entities.value || !overview.value) return new Map();
  const found = Map.groupBy(
    findings.value.flatMap((finding) => finding.entities.map(({ id }) => ({ id, finding }))),
    ({ id }) => id,
  );
  const of = (id) => found.get(id)?.map(({ finding }) => finding);
  return new Map(devices.value.map((device) => [device.id, healthOf(device, overview.value.get(device.id), coarseNow.value, of(device.id))]));
});
/** Bots that called lately. */
const CONNECTED_S = 400;
const stopped = computed(() => new Set((statuses.value ?? []).filter(({ status }) => status?.stopped).map(({ bot }) => bot)));
const connected = computed(() => bots.value.filter(({ id, last_login: last }) => last && coarseNow.value - last < CONNECTED_S && !stopped.value.has(id)).length);
const down = computed(() => [...health.value.values()].filter(({ state }) => state === "down").length);

export function Shell({ children: inside }) {
  const first = path.value.split("/")[1];
  const here = BELONGS[first] ?? first;
  const current = (view) => (view === here ? "page" : undefined);
  return html`<a class="skip" href="#main">Skip to content</a>
    <div class="shell">
      <nav class="side" aria-label="Main">
        <a class="brand" href="/devices">${LOGO}<span class="label">Grafolean</span></a>
        <button class="search" type="button" onClick=${goTo}>${icon("search")}<span class="label">Find or go to</span><kbd>Ctrl K</kbd></button>
        ${VIEWS.map((view) =>
          view
            ? html`<a class="item" href=${`/${view[0]}`} title=${view[1]} aria-current=${current(view[0])}>${icon(view[0])}
          <span class="label">${view[1]}</span>
          ${view[0] === "devices" && down.value > 0 && html`<span class="tag" data-s="down">${down.value} down</span>`}
            </a>`
            : html`<p class="group">Collect</p>`,
        )}
        <${Foot} />
      </nav>
      <div>${inside}</div>
      <nav class="tabbar phone" aria-label="Main">${VIEWS.filter((view) => TABS.includes(view?.[0])).map(([view, name]) => html`<a 
        href=${`/${view}`} aria-current=${current(view)}>${icon(view)}${name}</a>`)}<a href="/more" aria-current=${["more", "setup", "boards", "events", "discover"].includes(here) ? "page" : undefined}>
        ${icon("more")}More</a></nav>
    </div><${Toast} />`;
}

function Foot() {
  const who = profile.value?.record?.username ?? profile.value?.record?.name ?? "";
  return html`<div class="foot">
    <span class=${trouble.value ? "away" : "live"} role="status"><span class="label">
      ${trouble.value ? `${trouble.value}; trying again` : `${live.value ? "Live" : "Asked every 3 s"}, ${count(connected.value, "bot")} connected`}</span></span>
    <${Menu} who=${who} /></div>`;
}

/** Who is in, which account is looked at, and what goes with it. */
function Menu({ who }) {
  const open = useSignal(false);
  const choose = (act) => () => {
    open.value = false;
    act();
  };
  return html`<span class="menu" onKeyDown=${(event) => event.key === "Escape" && (open.value = false)}>
    <button type="button" class="series row" aria-expanded=${open.value} aria-label=${`${who}, ${account.value?.name ?? ""}: menu`} onClick=${() => (open.value = !open.value)}>
      <span class="avatar" aria-hidden="true">${who.slice(0, 2).toUpperCase()}</span>
      <span class="label clip grow">${[who, account.value?.name].filter(Boolean).join(" · ")}</span><span class="label muted">${icon("down")}</span></button>
    ${
      open.value &&
      html`<span class="pop above">${(accounts.value ?? []).length > 1 && accounts.value.map(({ id, name }) => html`<button type="button" class="btn quiet" 
        aria-pressed=${id === account.value?.id} onClick=${choose(() => chooseAccount(id))}>${name}</button>`)}
      <button type="button" class="btn quiet" onClick=${choose(otherTheme)}>${icon("sun")}Light or dark</button>
      <button type="button" class="btn quiet" onClick=${choose(showKeys)}>${icon("why")}Keys</button>
      <button type="button" class="btn quiet" onClick=${choose(() => (leave(), go("/")))}>${icon("leave")}Log out</button></span>`
    }</span>`;
}

export function otherTheme() {
  const dark = theme.value ? theme.value === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme.value = dark ? "light" : "dark";
}

/** Copies the address of what is seen: whoever opens it sees the same. */
export const CopyLink = () => html`<button type="button" class="btn quiet icon desk" aria-label="Copy link to this view" title="Copy link to this view" 
  onClick=${() => copied(location.href, "Link copied")}>${icon("link")}</button>`;

/** The head of a page: crumbs, title, state, range, actions. After a change of view the focus is on the title. */
export function Head({ title, crumbs = [], state, more, children: actions }) {
  const heading = useRef(null);
  useEffect(() => {
    document.title = `${title} · Grafolean`;
  }, [title]);
  useEffect(() => {
    if (arrived) heading.current?.focus({ preventScroll: true });
    arrived = true;
  }, [path.value]);
  return html`<header class="head">${crumbs.map(([name, href]) => html`<span class="crumb desk"><a href=${href}>${name}</a></span>`)}
    <h1 tabindex="-1" ref=${heading}>${title}</h1>${state}${more && html`<span class="muted clip desk opt">${more}</span>`}<span class="grow">
      </span>${actions}</header>`;
}
let arrived = false;

const KEYS = { d: "/devices", e: "/explore", f: "/flows", o: "/boards", b: "/bots", s: "/setup" };
let leading = 0;
addEventListener("keydown", (event) => {
  if (!loggedIn.value) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "k") return (event.preventDefault(), goTo());
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog")) return;
  if (event.key === "g") leading = Date.now();
  else if (KEYS[event.key] && Date.now() - leading < 1_000) go(KEYS[event.key]);
  else if (event.key === "?") showKeys();
  else if (event.key === "w" && document.activeElement?.closest?.("tbody")) {
    const cause = document.activeElement.closest("tr").querySelector("a[href^='/why/']");
    const device = document.activeElement.getAttribute("href")?.match(/^\/device\/(\d+)/)?.[1];
    if (cause || device) go(cause?.getAttribute("href") ?? `/why/device/${device}`);
  } else if (event.key === "/") {
    const filter = document.querySelector(".filter input");
    if (filter) (event.preventDefault(), filter.focus());
  }
});
