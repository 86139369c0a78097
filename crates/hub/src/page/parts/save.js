// Saving a form: what is wrong is said at its field and above the form; Ctrl Enter saves, what was typed is not lost unasked.

import { Note, icon } from "../icons.js";
import { go, holdBack, letGo } from "../router.js";
import { html, useEffect, useSignal } from "../ui.js";
import { ask } from "./dialog.js";

/**
 * A card with a form. `check()` returns faults by JSON pointer, `save()` stores, may throw
 * with a reason, and returns the address to go to, if any. `dirty`: whether something changed.
 */
export function FormCard({ title, sub, children, check, save, dirty, verb = "Save", more, showFaults }) {
  const refused = useSignal(null),
    busy = useSignal(false),
    faults = useSignal(new Map());
  useEffect(
    () => (dirty ? holdBack(({ quiet } = {}) => (quiet ? false : confirm("Leave without saving what was changed?"))) : undefined),
    [dirty],
  );
  const submit = async (event) => {
    event?.preventDefault();
    const wrong = check?.() ?? new Map();
    faults.value = wrong;
    showFaults?.(wrong);
    refused.value = null;
    if (wrong.size > 0) return focusNote();
    busy.value = true;
    try {
      const next = await save();
      letGo();
      if (next) go(next);
    } catch (error) {
      refused.value = error.message;
      focusNote();
    } finally {
      busy.value = false;
    }
  };
  const wrong = [...faults.value];
  return html`<form class="card" noValidate onSubmit=${submit} 
    onKeyDown=${(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && submit(event)}>
    <header class="ruled"><h2>${title}</h2><span class="grow"></span>${sub && html`<span class="small muted">${sub}</span>`}</header>
    <div class="body stack">
      ${
        (refused.value || wrong.length > 0) &&
        html`<div id="form-note" tabindex="-1">
        ${refused.value && html`<${Note} kind="bad" alert>Not saved: ${refused.value}<//>`}
        ${wrong.length > 0 && html`<${Note} 
          kind="bad" alert>Not saved: ${wrong.length === 1 ? "one field needs" : `${wrong.length} fields need`} you. ${wrong.map(([pointer]) => html`<a href=${`#f${pointer.replace(/[^\w]/g, "-")}`}>${pointer.split("/").at(-1).replaceAll("_", " ")}</a> `)}<//>`}
      </div>`
      }${children}</div>
    <footer><button class="btn primary" disabled=${busy.value}>${verb}</button>${more}<span class="grow"></span>
      <span class="small muted desk">Ctrl Enter saves</span></footer></form>`;
}

// The note is drawn with the next frame.
const focusNote = () => requestAnimationFrame(() => document.getElementById("form-note")?.focus());

/** A button that asks before something is lost. */
export function RemoveButton({ what, consequence, remove, verb = "Delete" }) {
  const click = async () => {
    if (await ask({ title: `${verb} ${what}?`, text: consequence, yes: verb, no: "Keep it" })) await remove();
  };
  return html`<button type="button" class="btn quiet danger" onClick=${click}>${icon("trash")}${verb}</button>`;
}
