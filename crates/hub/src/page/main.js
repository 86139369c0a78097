// The page at `/`: which view the address names, and who may see it.

import { loggedIn } from "./api.js";
import { accounts, begin, begun, opened, profile, trouble } from "./state.js";
import { go, path, segments } from "./router.js";
import { html, render, useEffect } from "./ui.js";
import { Shell } from "./shell.js";
import { First } from "./views/first.js";
import { Login } from "./views/login.js";
import { Devices } from "./views/devices.js";
import { Device } from "./views/device.js";
import { Discover } from "./views/discover.js";
import { Events } from "./views/events.js";
import { Explore } from "./views/explore.js";
import { Flows } from "./views/flows.js";
import { Board, Boards } from "./views/boards.js";
import { Bots } from "./views/bots.js";
import { Setup } from "./views/setup.js";
import { Why } from "./views/why.js";
import { More } from "./views/more.js";
import { Shared } from "./views/shared.js";
import { Missing } from "./views/missing.js";

const VIEWS = { devices: Devices, device: Device, explore: Explore, flows: Flows, boards: Boards, board: Board, bots: Bots, discover: Discover, events: Events, setup: Setup, why: Why, more: More };

function Page() {
  const [first = ""] = segments.value;
  const newHub = begun.value === false,
    nobody = !loggedIn.value;
  const noAccount = accounts.value?.length === 0;
  useEffect(() => {
    if (first === "shared") return;
    if (newHub && first !== "first") go("/first", { replace: true });
    else if (!newHub && path.value === "/") go("/devices", { replace: true });
  }, [newHub, path.value]);
  if (first === "shared") return html`<${Shared} />`;
  if (begun.value === null) return trouble.value ? html`<${Waiting} />` : null;
  if (newHub) return html`<${First} step="admin" />`;
  if (!opened.value) return null;
  if (nobody) return html`<${Login} />`;
  if (!profile.value) return trouble.value ? html`<${Waiting} />` : null;
  if (noAccount) return html`<${First} step="account" />`;
  if (first === "first") return html`<${First} step="device" />`;
  const View = VIEWS[first] ?? Missing;
  return html`<${Shell}><${View} key=${first} /><//>`;
}

const Waiting = () => html`<main class="page solo" id="main"><div class="note" data-s="bad" role="alert"><p class="grow">
  ${trouble.value}. It is asked again every few seconds.</p></div></main>`;

render(html`<${Page} />`, document.getElementById("app"));
begin();
