// A record whose details follow a declaration: a credential or a sensor, in a list and as a form.

import { post, put, remove } from "../api.js";
import { api, entities, protocols, reload } from "../state.js";
import { html, useSignal } from "../ui.js";
import { byName, count } from "../numbers.js";
import { go } from "../router.js";
import { Empty, icon } from "../icons.js";
import { Head } from "../shell.js";
import { say } from "./dialog.js";
import { Fields } from "./form.js";
import { FormCard, RemoveButton } from "./save.js";
import { faults as schemaFaults, given, typed } from "./schema.js";
import { Table } from "./table.js";

/** Devices that use a record. */
export const usedBy = (uses) =>
  [...(entities.value?.values() ?? [])].filter(({ protocols: enabled }) => Object.values(enabled ?? {}).some(uses)).sort(byName);

/** `kind`: `{plural, singular, rows, schemaOf(protocol), uses(id), extra}`; `which`: an id, `new`, or nothing for the list. */
export function Records({ kind, which, tabs }) {
  if (which === undefined) return html`<${RecordList} kind=${kind} tabs=${tabs} />`;
  const row = kind.rows().get(Number(which));
  if (which !== "new" && !row) {
    return html`<${Head} title=${`No such ${kind.singular}`} crumbs=${[
      ["Setup", "/setup"],
      [kind.title, `/setup/${kind.plural}`],
    ]} />${tabs}
      <main class="page" id="main"><section class="card">
      <${Empty} title=${`No such ${kind.singular}`} action=${html`<a class="btn" href=${`/setup/${kind.plural}`}>All ${kind.plural}
      </a>`}>It was removed, or belongs to another account.<//></section></main>`;
  }
  return html`<${RecordForm} key=${which} kind=${kind} row=${row} tabs=${tabs} />`;
}

function RecordList({ kind, tabs }) {
  const rows = [...kind.rows().values()].map((row) => ({ row, used: usedBy(kind.uses(row.id)).length }));
  const columns = [
    { name: "name", head: "Name", by: ({ row }) => row.name, className: "who", at: "a", opens: true, cell: ({ row }) => row.name },
    {
      name: "protocol",
      head: "Protocol",
      by: ({ row }) => row.protocol,
      at: "b",
      cell: ({ row }) => html`<span class="tag">${row.protocol}</span>`,
    },
    ...kind.columns,
    { name: "used", head: "Used by", by: ({ used }) => used, className: "num", at: "d", cell: ({ used }) => count(used, "device") },
  ];
  return html`<${Head} title=${kind.title} crumbs=${[["Setup", "/setup"]]}><a class="btn primary" href=${`/setup/${kind.plural}/new`}>
    ${icon("plus")}New ${kind.singular}</a><//>${tabs}
    <main class="page" id="main"><section class="card">
      ${
        rows.length
          ? html`<${Table} columns=${columns} rows=${rows} usual="name" keyOf=${({ row }) => row.id} 
            open=${({ row }) => `/setup/${kind.plural}/${row.id}`} label=${kind.title} />`
          : html`<${Empty} sign="key" title=${`No ${kind.singular} yet`}>${kind.about}<//>`
      }</section></main>`;
}

function RecordForm({ kind, row, tabs }) {
  const known = [...protocols.value.keys()];
  const draft = useSignal(row ? structuredClone(row) : { name: "", protocol: known[0] ?? "", details: {} });
  const wrong = useSignal(new Map());
  const { name, protocol, details } = draft.value;
  const declared = protocols.value.get(protocol);
  const schema = kind.schemaOf(declared);
  const set = (changes) => (draft.value = { ...draft.value, ...changes });
  const dirty = JSON.stringify(draft.value) !== JSON.stringify(row ?? { name: "", protocol: known[0] ?? "", details: {} });
  const check = () => {
    const found = new Map(name.trim() ? [] : [["/name", "This is needed."]]);
    if (schema) schemaFaults(schema, details ?? {}, schema).forEach((text, pointer) => found.set(pointer, text));
    kind.check?.(draft.value, found);
    return found;
  };
  const save = async () => {
    const body = { name: name.trim(), protocol, details: schema ? typed({ type: "object", ...schema }, details ?? {}, schema) : (details ?? {}), ...kind.body?.(draft.value) };
    if (row) await put(api(`${kind.plural}/${row.id}`), body);
    else await post(api(kind.plural), body);
    await reload();
    say(`${name.trim()} is saved`);
    return `/setup/${kind.plural}`;
  };
  const drop = async () => {
    await remove(api(`${kind.plural}/${row.id}`));
    await reload();
    say(`${row.name} is gone`);
    go(`/setup/${kind.plural}`);
  };
  const users = row ? usedBy(kind.uses(row.id)) : [];
  const fault = (pointer) => wrong.value.get(pointer) && html`<span class="error">${icon("bad")}${wrong.value.get(pointer)}</span>`;
  return html`<${Head} title=${row?.name ?? `New ${kind.singular}`} crumbs=${[
    ["Setup", "/setup"],
    [kind.title, `/setup/${kind.plural}`],
  ]} state=${row && html`<span class="tag">${row.protocol}</span>`} more=${row ? `used by ${count(users.length, "device")}` : ""}>
      ${
        row &&
        html`<${RemoveButton} what=${row.name} consequence=${
          users.length
            ? `${users
                .map((one) => one.name)
                .slice(0, 5)
                .join(", ")}${users.length > 5 ? " and others" : ""} would no longer be measured with it.`
            : "No device uses it."
        } remove=${drop} />`
      }<//>${tabs}
    <main class="page" id="main"><${FormCard} title=${`${protocol} ${kind.singular}`} 
      sub=${schema ? `drawn from the declaration of protocol ${protocol}` : declared ? `protocol ${protocol} declares no fields of it` : "no declaration of this protocol is known"} check=${check} save=${save} 
      dirty=${dirty} showFaults=${(found) => (wrong.value = found)}>
      <div class="form slim">
        <div class="field"><label for="f-name">Name</label>
          <input class="input" id="f-name" value=${name} aria-invalid=${wrong.value.has("/name") ? "true" : undefined} 
            onInput=${(event) => set({ name: event.target.value })} />${fault("/name")}</div>
        <div class="field"><label for="f-protocol">Protocol</label>${
          row || known.length === 0
            ? html`<input class="input" id="f-protocol" value=${protocol} disabled=${Boolean(row)} 
              onInput=${(event) => set({ protocol: event.target.value })} />`
            : html`<select class="input" id="f-protocol" value=${protocol} onChange=${(event) => set({ protocol: event.target.value, details: {} })}>
            ${known.map((one) => html`<option value=${one}>${one}</option>`)}</select>`
        }</div>
        ${kind.extra?.({ draft: draft.value, set, fault })}
        ${schema ? html`<${Fields} schema=${schema} value=${details ?? {}} change=${(next) => set({ details: next })} faults=${wrong.value} 
          stored=${row?.details ?? {}} />` : html`<${RawDetails} details=${details} set=${(next) => set({ details: next })} />`}
      </div><//></main>`;
}

/** Details of a protocol that nobody declared: as JSON, which is what bots get. */
function RawDetails({ details, set }) {
  const text = useSignal(JSON.stringify(details ?? {}, null, 2)),
    problem = useSignal(null);
  const change = (event) => {
    text.value = event.target.value;
    try {
      const parsed = JSON.parse(text.value);
      if (!given(parsed) || typeof parsed !== "object" || Array.isArray(parsed)) throw new Error("an object in braces is needed");
      problem.value = null;
      set(parsed);
    } catch (error) {
      problem.value = error.message;
    }
  };
  return html`<div class="field full"><label for="f-details">Details, as JSON</label>
    <textarea class="input mono" id="f-details" rows="8" spellcheck="false" value=${text.value} onInput=${change}></textarea>
    ${problem.value && html`<span class="error">${icon("bad")}${problem.value}</span>`}</div>`;
}
