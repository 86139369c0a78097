// A step of setting up: a form, the button that does it, and what stood in the way.

import { html, useSignal } from "../ui.js";
import { Note } from "../icons.js";

export function Step({ title, submit, verb, children, sub, below, more }) {
  const problem = useSignal(null),
    busy = useSignal(false);
  const press = async (event) => {
    event.preventDefault();
    busy.value = true;
    problem.value = null;
    await submit(Object.fromEntries(new FormData(event.target))).catch((error) => (problem.value = error.message));
    busy.value = false;
  };
  return html`<form class="card step now" onSubmit=${press}><header><h2>${title}</h2><span class="grow"></span><span class="muted">${sub}</span>
    </header>
    <div class="body stack">${problem.value && html`<${Note} kind="bad" alert>${problem.value}<//>`}${children}</div>${below}<footer>
      <button class="btn primary" disabled=${busy.value}>${verb}</button>${more}</footer></form>`;
}
