// Adding a device: where it is, what to measure, by which credential, whether it answers; then the watch for its first values.

import { post } from "../api.js";
import { api, bots, credentials, devices, entities, lookAtDevices, overview, protocols, reload, sensors } from "../state.js";
import { html, signal, useSignal } from "../ui.js";
import { byName } from "../numbers.js";
import { Note, icon } from "../icons.js";
import { Fields } from "../parts/form.js";
import { faults, given, typed } from "../parts/schema.js";
import { Step } from "../parts/step.js";
import { TestPanel, test } from "../parts/testing.js";
import { FlowsHere } from "./first_flows.js";

/** The device that was added here last, until its page is opened. */
export const added = signal(null);

/** The kind of address that a person typed. */
const kindOf = (text) => (/^(\d{1,3}\.){3}\d{1,3}$/.test(text) ? "ipv4" : text.includes(":") ? "ipv6" : "hostname");
const ofProtocol = (rows, protocol) => [...rows.values()].filter((row) => row.protocol === protocol).sort(byName);

export function DeviceStep() {
  const chosen = useSignal(null),
    ways = useSignal({}),
    wrong = useSignal(new Map()),
    typed = useSignal({ address: "", name: "" }),
    results = useSignal({}),
    running = useSignal(false);
  const known = [...protocols.value.values()].filter(({ name }) => ofProtocol(sensors.value, name).length > 0);
  const on = chosen.value ?? known.slice(0, 1).map(({ name }) => name);
  const address = typed.value.address.trim(),
    name = typed.value.name.trim() || address;
  const check = () => {
    const found = on.flatMap((protocol) => {
      const schema = protocols.value.get(protocol).credential;
      return isFresh(protocol, ways.value[protocol]) ? [...faults(schema, ways.value[protocol]?.details ?? {}, schema)].map(([at, text]) => [`${protocol}${at}`, text]) : [];
    });
    wrong.value = new Map(found);
    return found.length === 0;
  };
  const add = async (without = []) => {
    if (!check()) throw new Error("some fields below need you");
    const enabled = {};
    for (const protocol of on.filter((one) => !without.includes(one)))
      enabled[protocol] = {
        credential: await credentialFor(protocol, ways.value[protocol], name),
        bot: null,
        sensors: ofProtocol(sensors.value, protocol).map(({ id }) => ({ sensor: id, interval: null })),
      };
    const body = { name, entity_type: "device", parent: null, details: { [kindOf(address)]: address }, protocols: enabled };
    const { id } = await post(api("entities"), body);
    await reload();
    await lookAtDevices();
    added.value = id;
  };
  const ask = async () => {
    if (!check()) return;
    results.value = {};
    running.value = true;
    const subject = (protocol) => ({ protocol, address, ...wayOf(protocol, ways.value[protocol]) });
    await test(on.map(subject), (protocol, found) => (results.value = { ...results.value, [protocol]: found }));
    running.value = false;
    if (!typed.value.name) typed.value = { ...typed.value, name: nameOf(results.value) };
  };
  const type = (field) => (event) => (typed.value = { ...typed.value, [field]: event.target.value });
  const flows = on.includes("netflow");
  return html`<${Step} title=${devices.value.length ? "Add a device" : "Add your first device"} verb=${name ? `Add ${name}` : "Add device"} submit=${() => add()}
    below=${flows && html`<${FlowsHere} name=${name} address=${address} />`}
    more=${flows && on.length > 1 && html`<${WithoutFlows} add=${() => add(["netflow"])} />`}>
    <div class="cols two even"><div class="stack">
    <div class="form"><div class="field"><label for="address">Address or host name</label>
      <input class="input mono" id="address" required autocapitalize="none" spellcheck="false" placeholder="192.0.2.11" value=${typed.value.address} onInput=${type("address")} /></div>
      <div class="field"><label for="name">Name</label><input class="input" id="name" placeholder="core-sw-1" value=${typed.value.name} onInput=${type("name")} />
        <p class="hint">${nameOf(results.value) && nameOf(results.value) === typed.value.name ? "Taken from sysName." : "The address, if it is left empty."}</p></div></div>
    <fieldset class="plain"><legend class="sr">What to measure</legend><div class="choice">${known.map(
      ({ name: protocol, about }) => html`<label>
      <input type="checkbox" checked=${on.includes(protocol)} 
        onChange=${(event) => (chosen.value = event.target.checked ? [...on, protocol] : on.filter((other) => other !== protocol))} /><b>${protocol}</b>
        <small>${about}</small></label>`,
    )}</div></fieldset>
    ${known.length === 0 && html`<${Note} kind="warn">No protocol is declared to this hub, so nothing can be measured from here: start it with its bots.<//>`}
    ${on.map((protocol) => html`<${Way} key=${protocol} protocol=${protocol} way=${ways.value[protocol]} 
      set=${(way) => (ways.value = { ...ways.value, [protocol]: way })} 
      faults=${new Map([...wrong.value].filter(([at]) => at.startsWith(`${protocol}/`)).map(([at, text]) => [at.slice(protocol.length), text]))} />`)}
    </div><${TestPanel} results=${results.value} running=${running.value} press=${ask} disabled=${!address || on.length === 0} /></div><//>`;
}

/** The name that a device has for itself. */
const nameOf = (results) => Object.values(results).flatMap(({ facts = [] }) => facts).find(({ name }) => name === "sysName")?.value ?? "";

function WithoutFlows({ add }) {
  const press = () => add().catch(() => {});
  return html`<button type="button" class="btn quiet" onClick=${press}>Add without flows</button>`;
}

const isFresh = (protocol, way) => way?.fresh || ofProtocol(credentials.value, protocol).length === 0;

/** A credential as a test takes it: its id, or what was typed. */
const wayOf = (protocol, way) =>
  isFresh(protocol, way) ? { credential: way?.details ?? {} } : { credential_id: way?.id ?? ofProtocol(credentials.value, protocol)[0].id };

/** An existing credential, or one that is made of what was typed. */
async function credentialFor(protocol, way, deviceName) {
  const { credential: written, credential_id: id } = wayOf(protocol, way);
  if (given(id)) return id;
  const schema = protocols.value.get(protocol).credential;
  const credential = typed({ type: "object", ...schema }, written, schema);
  return (await post(api("credentials"), { name: `${protocol} of ${deviceName}`, protocol, details: credential })).id;
}

function Way({ protocol, way = {}, set, faults: found }) {
  const declared = protocols.value.get(protocol),
    existing = ofProtocol(credentials.value, protocol);
  const fresh = isFresh(protocol, way);
  if (Object.keys(declared.credential?.properties ?? {}).length === 0) return null;
  return html`<fieldset class="plain"><legend class="sr">${protocol}</legend><div class="form">
    <div class="field full"><label for=${`way-${protocol}`}>${protocol} credential</label>
      <select class="input" id=${`way-${protocol}`} value=${fresh ? "new" : (way.id ?? existing[0].id)} 
        onChange=${(event) => set(event.target.value === "new" ? { ...way, fresh: true } : { id: Number(event.target.value) })}>
      ${existing.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}<option value="new">A new one</option></select></div>
    ${fresh && html`<${Fields} schema=${declared.credential} value=${way.details ?? {}} change=${(details) => set({ ...way, fresh: true, details })} 
      faults=${found} pointer="" />`}</div></fieldset>`;
}

/** Watches for the first values of the device that was added. */
export function FirstValues() {
  const id = added.value;
  const came = id ? (overview.value?.get(id)?.series ?? 0) : 0;
  const running = bots.value.some(({ last_login: last }) => last);
  const name = entities.value?.get(id)?.name;
  if (!id)
    return html`<section class="card step"><header><h2>See the first values</h2><span class="muted desk">the first arrive some seconds after adding</span>
    </header></section>`;
  return html`<section class="card step now"><header><h2>See the first values</h2></header><div class="body stack"><p class="row" role="status">
    ${
      came
        ? html`<span class="good">${icon("up")}</span>${came} series of ${name} came`
        : html`<span class="beacon" data-s="warn"></span> Waiting for the first value of ${name}`
    }</p>
    ${!came && !running && html`<${Note} kind="warn" actions=${html`<a class="btn small" href="/bots/new">New bot</a>`}>No bot has called this hub yet: nobody measures.<//>`}</div>
    <footer><a class="btn primary" href=${`/device/${id}`} onClick=${() => (added.value = null)}>Open ${name}</a>
      <button type="button" class="btn" onClick=${() => (added.value = null)}>Add another</button></footer></section>`;
}
