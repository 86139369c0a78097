// What is set up for a device: its name, where it is, what is measured of it by which credential, sensors and bot.

import { put, remove } from "../api.js";
import { api, bots, credentials, protocols, reload, sensors } from "../state.js";
import { html, useSignal } from "../ui.js";
import { byName } from "../numbers.js";
import { go } from "../router.js";
import { icon } from "../icons.js";
import { say } from "../parts/dialog.js";
import { FormCard, RemoveButton } from "../parts/save.js";
import { given } from "../parts/schema.js";

const ADDRESSES = [
  ["ipv4", "IPv4 address"],
  ["ipv6", "IPv6 address"],
  ["hostname", "Host name"],
];

export function DeviceSettings({ device, below }) {
  const draft = useSignal(structuredClone({ name: device.name, details: device.details ?? {}, protocols: device.protocols ?? {} }));
  const wrong = useSignal(new Map());
  const { name, details, protocols: enabled } = draft.value;
  const set = (changes) => (draft.value = { ...draft.value, ...changes });
  const dirty =
    JSON.stringify(draft.value) !== JSON.stringify({ name: device.name, details: device.details ?? {}, protocols: device.protocols ?? {} });
  const known = [
    ...new Set([...protocols.value.keys(), ...[...sensors.value.values()].map(({ protocol }) => protocol), ...Object.keys(enabled)]),
  ].sort();
  const save = async () => {
    await put(api(`entities/${device.id}`), {
      name: name.trim(),
      entity_type: device.entity_type,
      parent: device.parent ?? null,
      details,
      protocols: enabled,
    });
    await reload();
    say(`${name.trim()} is saved`);
    return `/device/${device.id}`;
  };
  const drop = async () => {
    await remove(api(`entities/${device.id}`));
    await reload();
    say(`${device.name} is gone`);
    go("/devices");
  };
  const check = () => checked(draft.value);
  const detail = (key) => (event) => {
    const { [key]: before, ...rest } = details;
    set({ details: event.target.value.trim() ? { ...details, [key]: event.target.value.trim() } : rest });
  };
  const fault = (pointer) => wrong.value.get(pointer) && html`<span class="error">${icon("bad")}${wrong.value.get(pointer)}</span>`;
  return html`<${FormCard} title="Settings" check=${check} save=${save} dirty=${dirty} showFaults=${(found) => (wrong.value = found)} 
    more=${html`<${RemoveButton} what=${device.name} remove=${drop}
      consequence=${`It is no longer measured${below.length ? `, and its ${below.length} interfaces go too` : ""}. Values that are stored stay.`} />`}>
    <div class="form slim">
      <div class="field full"><label for="f-name">Name</label>
        <input class="input" id="f-name" value=${name} onInput=${(event) => set({ name: event.target.value })} />${fault("/name")}</div>
      ${ADDRESSES.map(
        ([key, word]) => html`<div class="field"><label for=${`f-${key}`}>${word}</label>
        <input class="input mono" id=${`f-${key}`} value=${details[key] ?? ""} spellcheck="false" onInput=${detail(key)} />${fault(`/${key}`)}
        </div>`,
      )}
      <${OtherDetails} details=${details} set=${(next) => set({ details: next })} />
    </div>
    ${known.map(
      (protocol) => html`<${Enabled} key=${protocol} protocol=${protocol} how=${enabled[protocol]} fault=${fault(`/${protocol}`)}
      set=${(how) => {
        const { [protocol]: before, ...rest } = enabled;
        set({ protocols: how ? { ...enabled, [protocol]: how } : rest });
      }} />`,
    )}
        <//>`;
}

function checked({ name, details, protocols: enabled }) {
  const found = new Map();
  if (!name.trim()) found.set("/name", "This is needed.");
  if (given(details.ipv4) && !/^(\d{1,3}\.){3}\d{1,3}$/.test(details.ipv4))
    found.set("/ipv4", `“${details.ipv4}”; four numbers with dots between them are needed, such as 192.0.2.1.`);
  if (given(details.ipv6) && !details.ipv6.includes(":"))
    found.set("/ipv6", `“${details.ipv6}”; an IPv6 address is needed, such as 2001:db8::1.`);
  for (const [protocol, { credential, sensors: uses }] of Object.entries(enabled)) {
    if (!credential) found.set(`/${protocol}`, `Choose a credential for ${protocol}.`);
    else if (uses.length === 0) found.set(`/${protocol}`, `Choose what ${protocol} measures.`);
  }
  return found;
}

/** Details beside the addresses, such as `snmp_port`: names and values as bots read them. */
function OtherDetails({ details, set }) {
  const others = Object.entries(details).filter(([key]) => !ADDRESSES.some(([known]) => known === key));
  const name = useSignal("");
  const change = (key, value) => {
    const { [key]: before, ...rest } = details;
    set(value === null ? rest : { ...details, [key]: value });
  };
  return html`<fieldset class="plain full"><legend class="label">Other details</legend>
    ${others.map(
      ([key, value]) => html`<div class="row item" key=${key}><label class="mono" for=${`f-${key}`}>${key}</label>
      <input class="input grow" id=${`f-${key}`} value=${typeof value === "object" ? JSON.stringify(value) : value} 
        onInput=${(event) => change(key, event.target.value)} /><button type="button" class="btn quiet icon" aria-label=${`Remove ${key}`} 
        onClick=${() => change(key, null)}>${icon("trash")}</button></div>`,
    )}
    <div class="row item"><input class="input" aria-label="Name of a detail" placeholder="snmp_port" value=${name.value} 
      onInput=${(event) => (name.value = event.target.value)} /><button type="button" class="btn small" disabled=${!name.value.trim()} 
      onClick=${() => {
      change(name.value.trim(), "");
      name.value = "";
    }}>${icon("plus")}Add</button></div></fieldset>`;
}

function Enabled({ protocol, how, set, fault }) {
  const mine = (rows) => [...rows.values()].filter((row) => row.protocol === protocol).sort(byName);
  const ways = mine(credentials.value),
    what = mine(sensors.value),
    who = bots.value.filter((bot) => bot.protocol === protocol);
  const enable = () => set({ credential: ways[0]?.id ?? null, bot: null, sensors: what.map(({ id }) => ({ sensor: id, interval: null })) });
  const use = (id) => how.sensors.find((one) => one.sensor === id);
  const toggle = (id) =>
    set({ ...how, sensors: use(id) ? how.sensors.filter((one) => one.sensor !== id) : [...how.sensors, { sensor: id, interval: null }] });
  const pace = (id, text) =>
    set({
      ...how,
      sensors: how.sensors.map((one) => (one.sensor === id ? { ...one, interval: Number(text) > 0 ? Number(text) : null } : one)),
    });
  return html`<fieldset class="plain ruled-top"><legend class="sr">${protocol}</legend>
    <label class="row"><input type="checkbox" id=${`f-${protocol}`} checked=${Boolean(how)} 
      onChange=${(event) => (event.target.checked ? enable() : set(null))} /><b>${protocol}</b> <span 
      class="muted">${protocols.value.get(protocol)?.about ?? ""}</span></label>${fault}
    ${
      how &&
      html`<div class="form slim spaced"><div class="field"><label for=${`f-${protocol}-credential`}>Credential</label>
      <select class="input" id=${`f-${protocol}-credential`} value=${how.credential ?? ""} 
        onChange=${(event) => set({ ...how, credential: Number(event.target.value) || null })}><option 
        value="">–</option>${ways.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</select>
        ${ways.length === 0 && html`<span class="hint">There is none: <a href="/setup/credentials/new">make one</a>.</span>`}</div>
      <div class="field"><label for=${`f-${protocol}-bot`}>Bot</label>
        <select class="input" id=${`f-${protocol}-bot`} value=${how.bot ?? ""} 
          onChange=${(event) => set({ ...how, bot: Number(event.target.value) || null })}><option value="">any bot of ${protocol}
          </option>${who.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</select></div>
      <div class="field full"><span class="label">Sensors</span>${what.map(
        ({ id, name, default_interval: usual }) => html`<div class="row" key=${id}>
        <label class="row grow"><input type="checkbox" checked=${Boolean(use(id))} onChange=${() => toggle(id)} /> ${name}</label>
        ${
          use(id) &&
          html`<span class="affix narrow">
          <input class="input" aria-label=${`Interval of ${name}, seconds`} inputmode="numeric" placeholder=${usual ?? ""} 
            value=${use(id).interval ?? ""} onInput=${(event) => pace(id, event.target.value)} /><span class="btn" aria-hidden="true">s</span></span>`
        }</div>`,
      )}
        ${what.length === 0 && html`<span class="hint">There is none: <a href="/setup/sensors/new">make one</a>.</span>`}</div></div>`
    }</fieldset>`;
}
