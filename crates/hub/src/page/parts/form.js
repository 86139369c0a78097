// Forms drawn from JSON Schema: the page knows no protocol.

import { icon } from "../icons.js";
import { html, useSignal } from "../ui.js";
import { asked, choices, given, hint, plain } from "./schema.js";

const labelOf = (name, schema) => schema.title ?? name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
const idOf = (pointer) => `f${pointer.replace(/[^\w]/g, "-")}`;

/** The fields of an object. `change(next)` gets the whole object; `faults` are by JSON pointer. */
export function Fields({ schema, root = schema, value, change, faults, pointer = "", stored = {} }) {
  const { properties = {}, required = [] } = plain(schema, root);
  return Object.entries(properties).map(([name, raw]) => {
    const field = plain(raw, root);
    if (!asked(field, value, properties, root)) return null;
    const set = (next) => {
      const { [name]: before, ...rest } = value;
      change(given(next) ? { ...value, [name]: next } : rest);
    };
    return html`<${Field} key=${name} name=${name} field=${field} root=${root} value=${value[name]} set=${set} faults=${faults}
      pointer=${`${pointer}/${name}`} required=${required.includes(name) || field["x-required"]} stored=${stored[name]} />`;
  });
}

function Field(props) {
  const { name, field, root, value, set, faults, pointer } = props;
  if (field.type === "array") return html`<${List} ...${props} />`;
  if (field.type === "object" && field.properties) {
    return html`<fieldset class="plain full"><legend class="label">${labelOf(name, field)}</legend><div class="form">
      <${Fields} schema=${field} root=${root} value=${value ?? {}} change=${set} faults=${faults} pointer=${pointer} /></div></fieldset>`;
  }
  if (field.type === "boolean") {
    return html`<label class="field check"><span class="row">
      <input type="checkbox" checked=${value ?? field.default ?? false} onChange=${(event) => set(event.target.checked)} /> ${labelOf(name, field)}
      </span>
      ${hint(field) && html`<span class="hint">${hint({ ...field, default: undefined })}</span>`}</label>`;
  }
  return html`<${One} ...${props} />`;
}

function One({ name, field, value, set, faults, pointer, required, stored }) {
  const id = idOf(pointer),
    fault = faults?.get(pointer),
    options = choices(field);
  const text = hint(field);
  const described = [text && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ") || undefined;
  const wide = field["x-multiline"] || (field.type === "string" && !options && !field.writeOnly && field["x-wide"]);
  const control = options
    ? html`<${Choice} id=${id} options=${options} value=${given(value) ? value : field.default} set=${set} required=${required} 
      label=${labelOf(name, field)} />`
    : html`<${Text} id=${id} field=${field} value=${value} set=${set} fault=${fault} described=${described} stored=${stored} />`;
  return html`<div class=${`field${wide ? " full" : ""}`}>
    ${
      options && options.length <= 4
        ? html`<span class="label" id=${`${id}-label`}>${labelOf(name, field)}</span>`
        : html`<label for=${id}>
      ${labelOf(name, field)}</label>`
    }
    ${control}
    ${fault && html`<span class="error" id=${`${id}-fault`}>${icon("bad")}${fault}</span>`}
    ${text && html`<span class="hint" id=${`${id}-hint`}>${text}</span>`}</div>`;
}

function Choice({ id, options, value, set, required, label }) {
  if (options.length <= 4) {
    return html`<div class="seg" role="group" aria-label=${label}>
      ${options.map((option) => html`<button type="button" title=${option.description} aria-pressed=${option.value === value} 
        onClick=${() => set(option.value)}>${option.title}</button>`)}</div>`;
  }
  return html`<select class="input" id=${id} value=${value ?? ""} onChange=${(event) => set(event.target.value)}>
    ${!required && html`<option value="">–</option>`}${options.map((option) => html`<option value=${option.value}>${option.title}</option>`)}
      </select>`;
}

function Text({ id, field, value, set, fault, described, stored }) {
  const bare = useSignal(false);
  const number = field.type === "integer" || field.type === "number";
  const attributes = {
    id,
    class: `input${field.writeOnly || field["x-mono"] ? " mono" : ""}`,
    value: value ?? "",
    "aria-invalid": fault ? "true" : undefined,
    "aria-describedby": described,
    placeholder: field.writeOnly && stored ? "Set; leave empty to keep" : given(field.default) ? String(field.default) : undefined,
    spellcheck: false,
    autocomplete: field.writeOnly ? "off" : undefined,
    onInput: (event) => set(event.target.value),
  };
  if (field["x-multiline"]) return html`<textarea rows="3" ...${attributes}></textarea>`;
  if (field.writeOnly) {
    return html`<span class="affix"><input type=${bare.value ? "text" : "password"} ...${attributes} />
      <button type="button" class="btn icon" aria-label=${bare.value ? "Hide" : "Show"} onClick=${() => (bare.value = !bare.value)}>${icon("eye")}
      </button></span>`;
  }
  const input = html`<input type="text" inputmode=${number ? "decimal" : undefined} ...${attributes} />`;
  return field["x-unit"] ? html`<span class="affix">${input}<span class="btn" aria-hidden="true">${field["x-unit"]}</span></span>` : input;
}

function List({ name, field, root, value = [], set, faults, pointer }) {
  const item = plain(field.items, root);
  const change = (i, next) => set(value.map((one, k) => (k === i ? next : one)));
  const drop = (i) => set(value.filter((one, k) => k !== i));
  const fault = faults?.get(pointer);
  const row = (one, i) => html`<div class="row item" key=${i}><div class="form grow">
      ${
        item.type === "object"
          ? html`<${Fields} schema=${item} root=${root} value=${one} change=${(next) => change(i, next)} faults=${faults} 
            pointer=${`${pointer}/${i}`} />`
          : html`<${One} name=${`${name} ${i + 1}`} field=${item} value=${one} set=${(next) => change(i, next)} faults=${faults} 
            pointer=${`${pointer}/${i}`} />`
      }</div>
      <button type="button" class="btn quiet icon" aria-label=${`Remove ${labelOf(name, field)} ${i + 1}`} onClick=${() => drop(i)}>${icon("trash")}
        </button></div>`;
  return html`<fieldset class="plain full"><legend class="label">${labelOf(name, field)}</legend>
    ${hint(field) && html`<p class="hint">${hint(field)}</p>`}${value.map(row)}
    ${fault && html`<span class="error">${icon("bad")}${fault}</span>`}
    <button type="button" class="btn small" onClick=${() => set([...value, item.type === "object" ? {} : ""])}>${icon("plus")}Add</button>
      </fieldset>`;
}
