// The keys of the page, listed by `?`.

import { html, render } from "../ui.js";

const KEYS = [
  ["Everywhere", [["Ctrl K", "find or go to"], ["g then d e f o b s", "Devices, Explore, Flows, Dashboards, Bots, Setup"], ["/", "into the filter"], ["?", "this list"], ["Esc", "close, then clear"]]],
  ["Tables", [["j k or arrows", "next row, row before"], ["Enter", "open"], ["w", "why?"]]],
  ["Range", [["[ ]", "half a range earlier, later"], ["-", "wider"], ["0", "back to live"]]],
  ["Charts", [["drag", "zoom"], ["double click or Esc", "back"], ["Shift drag, Ctrl wheel", "move along"], ["+ - ← →", "closer, wider, earlier, later"], ["Shift click on a name", "this series alone"]]],
  ["Flows", [["click", "narrow"], ["Alt click", "leave out"], ["Backspace", "widen"]]],
  ["Forms", [["Ctrl Enter", "save"]]],
];

export function showKeys() {
  if (document.querySelector("dialog.keys")) return;
  const place = document.body.appendChild(document.createElement("div"));
  const close = () => {
    render(null, place);
    place.remove();
  };
  const open = (node) => node && !node.open && node.showModal();
  render(
    html`<dialog class="dialog keys" ref=${open} aria-labelledby="keys" onClose=${close} onClick=${(event) => event.target.matches("dialog") && event.target.close()}>
    <div class="body"><h2 id="keys">Keys</h2>${KEYS.map(
      ([where, list]) => html`<h3>${where}</h3><dl class="kv">${list.map(([key, does]) => html`<dt><kbd>${key}</kbd></dt><dd>${does}</dd>`)}</dl>`,
    )}</div><footer><button type="button" class="btn" autofocus onClick=${(event) => event.target.closest("dialog").close()}>Close</button></footer></dialog>`,
    place,
  );
}
