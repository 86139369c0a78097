// Questions before a loss, and a word when something was done.

import { html, render, signal } from "../ui.js";
import { icon } from "../icons.js";

/** Asks; resolves to true when the verb was pressed. The focus is on the harmless answer. */
export function ask({ title, text, yes, no }) {
  return new Promise((answered) => {
    const place = document.body.appendChild(document.createElement("div"));
    const before = document.activeElement;
    const end = (answer) => {
      render(null, place);
      place.remove();
      before?.focus?.();
      answered(answer);
    };
    const open = (node) => node && !node.open && (node.showModal(), node.querySelector("[autofocus]")?.focus());
    render(
      html`<dialog class="dialog" ref=${open} aria-labelledby="question" onCancel=${() => end(false)}>
      <div class="body"><h2 id="question">${title}</h2><p class="soft">${text}</p></div>
      <footer><button type="button" class="btn" autofocus onClick=${() => end(false)}>${no}</button>
        <button type="button" class="btn danger" onClick=${() => end(true)}>${yes}</button></footer></dialog>`,
      place,
    );
  });
}

const SHOWN_MS = 6_000;
const said = signal(null);
let timer = 0;

/** Says that something was done, for some seconds. */
export function say(text) {
  clearTimeout(timer);
  said.value = text;
  timer = setTimeout(() => (said.value = null), SHOWN_MS);
}

export const Toast =
  () => html`<div class="toasts" role="status">${said.value && html`<div class="toast">${icon("check")}${said.value}</div>`}
  </div>`;

/** Copies a text and says so; false where the browser does not allow it. */
export async function copied(text, word = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    say("The browser allows no copying here: take it from the address bar.");
    return false;
  }
  say(word);
  return true;
}

/** Copies a text; the button says that it did. */
export function CopyButton({ text, label = "Copy" }) {
  const copy = async (event) => {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(text);
      say("Copied");
    } catch {
      // Without a secure origin there is no clipboard: the text is selected instead.
      getSelection().selectAllChildren(button.closest("[data-copy]"));
    }
  };
  return html`<button type="button" class="btn small" onClick=${copy}>${icon("copy")}${label}</button>`;
}
