// Adding a device: where it is, what to measure, by which credential; and the watch for its first values.

import { post } from "../api.js";
import { api, bots, credentials, devices, entities, protocols, reload, sensors, valuesByEntity } from "../state.js";
import { html, signal, useSignal } from "../ui.js";
import { byName } from "../numbers.js";
import { Note, icon } from "../icons.js";
import { CopyButton } from "../parts/dialog.js";
import { Fields } from "../parts/form.js";
import { faults } from "../parts/schema.js";
import { SNIPPETS } from "../parts/snippets.js";
import { Step } from "../parts/step.js";

/** The device that was added here last, until its page is opened. */
export const added = signal(null);

/** The kind of address that a person typed. */
const kindOf = (text) => (/^(\d{1,3}\.){3}\d{1,3}$/.test(text) ? "ipv4" : text.includes(":") ? "ipv6" : "hostname");
const ofProtocol = (rows, protocol) => [...rows.values()].filter((row) => row.protocol === protocol).sort(byName);

export function DeviceStep() {
  const chosen = useSignal(null),
    ways = useSignal({}),
    wrong = useSignal(new Map());
  const known = [...protocols.value.values()].filter(({ name }) => ofProtocol(sensors.value, name).length > 0);
  const on = chosen.value ?? known.slice(0, 1).map(({ name }) => name);
  const submit = async ({ address, name }) => {
    const found = new Map(
      on.flatMap((protocol) =>
        [
          ...faults(
            protocols.value.get(protocol).credential,
            ways.value[protocol]?.details ?? {},
            protocols.value.get(protocol).credential,
          ),
        ].map(([at, text]) => [`${protocol}${at}`, text]),
      ),
    );
    wrong.value = ways.value && [...found.keys()].some((at) => ways.value[at.split("/")[0]]?.fresh) ? found : new Map();
    if (wrong.value.size > 0) throw new Error("some fields below need you");
    const enabled = {};
    for (const protocol of on)
      enabled[protocol] = {
        credential: await credentialFor(protocol, ways.value[protocol], name || address),
        bot: null,
        sensors: ofProtocol(sensors.value, protocol).map(({ id }) => ({ sensor: id, interval: null })),
      };
    const { id } = await post(api("entities"), {
      name: name.trim() || address.trim(),
      entity_type: "device",
      parent: null,
      details: { [kindOf(address.trim())]: address.trim() },
      protocols: enabled,
    });
    await reload();
    added.value = id;
  };
  return html`<${Step} title=${devices.value.length ? "Add a device" : "Add your first device"} verb="Add device" submit=${submit}>
    <div class="form"><div class="field"><label for="address">Address or host name</label>
      <input class="input mono" id="address" name="address" required autocapitalize="none" spellcheck="false" placeholder="192.0.2.11" /></div>
      <div class="field"><label for="name">Name</label><input class="input" id="name" name="name" placeholder="core-sw-1" />
        <span class="hint">The address, if it is left empty.</span></div></div>
    <div class="choice" role="group" aria-label="What to measure">${known.map(
      ({ name, about }) => html`<label>
      <input type="checkbox" checked=${on.includes(name)} 
        onChange=${(event) => (chosen.value = event.target.checked ? [...on, name] : on.filter((other) => other !== name))} /><b>${name}</b>
        <small>${about}</small></label>`,
    )}</div>
    ${known.length === 0 && html`<${Note} 
      kind="warn">No protocol is declared to this hub, so nothing can be measured from here: start it with its bots.<//>`}
    ${on.map((protocol) => html`<${Way} key=${protocol} protocol=${protocol} way=${ways.value[protocol]} 
      set=${(way) => (ways.value = { ...ways.value, [protocol]: way })} 
      faults=${new Map([...wrong.value].filter(([at]) => at.startsWith(`${protocol}/`)).map(([at, text]) => [at.slice(protocol.length), text]))} />`)}
    ${on.includes("netflow") && html`<${Configuration} />`}<//>`;
}

/** An existing credential, or one that is made of what was typed. */
async function credentialFor(protocol, way, deviceName) {
  const existing = ofProtocol(credentials.value, protocol);
  if (!way?.fresh && (way?.id ?? existing[0]?.id)) return way?.id ?? existing[0].id;
  return (await post(api("credentials"), { name: `${protocol} of ${deviceName}`, protocol, details: way?.details ?? {} })).id;
}

function Way({ protocol, way = {}, set, faults: found }) {
  const declared = protocols.value.get(protocol),
    existing = ofProtocol(credentials.value, protocol);
  const fresh = way.fresh || existing.length === 0;
  if (Object.keys(declared.credential?.properties ?? {}).length === 0) return null;
  return html`<fieldset class="plain ruled-top"><legend class="sr">${protocol}</legend><div class="form">
    <div class="field full"><label for=${`way-${protocol}`}>${protocol} credential</label>
      <select class="input" id=${`way-${protocol}`} value=${fresh ? "new" : (way.id ?? existing[0].id)} 
        onChange=${(event) => set(event.target.value === "new" ? { ...way, fresh: true } : { id: Number(event.target.value) })}>
      ${existing.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}<option value="new">A new one</option></select></div>
    ${fresh && html`<${Fields} schema=${declared.credential} value=${way.details ?? {}} change=${(details) => set({ ...way, fresh: true, details })} 
      faults=${found} pointer="" />`}</div></fieldset>`;
}

function Configuration() {
  const vendor = useSignal(SNIPPETS[0].name);
  const { text, source } = SNIPPETS.find(({ name }) => name === vendor.value);
  const lines = text(location.hostname);
  return html`<div class="stack ruled-top"><div class="row"><h3>Make it send its flows here</h3><span class="grow"></span>
    <div class="seg strip" role="group" aria-label="Vendor">${SNIPPETS.map(({ name }) => html`<button type="button" 
      aria-pressed=${name === vendor.value} onClick=${() => (vendor.value = name)}>${name}</button>`)}</div></div>
    <div class="copy" data-copy><pre class="snippet" tabindex="0">${lines}</pre><${CopyButton} text=${lines} /></div>
      <p class="muted small">After ${source}. UDP port 2055 is where the NetFlow bot listens unless it was told otherwise.</p></div>`;
}

/** Watches for the first values of the device that was added. */
export function FirstValues() {
  const id = added.value;
  const came = id ? (valuesByEntity.value.get(id)?.length ?? 0) : 0;
  const running = bots.value.some(({ last_login: last }) => last);
  if (!id)
    return html`<section class="card step"><header><h2>See the first values</h2><span class="muted">they arrive within its interval</span>
    </header></section>`;
  return html`<section class="card step now"><header><h2>See the first values</h2></header><div class="body stack"><p class="row" role="status">
    ${
      came
        ? html`<span class="good">${icon("up")}
    </span>${came} series of ${entities.value?.get(id)?.name} came`
        : html`<span class="beacon" data-s="warn">
    </span>Waiting for the first value of ${entities.value?.get(id)?.name}`
    }</p>
    ${!came && !running && html`<${Note} kind="warn" actions=${html`<a class="btn small" 
      href="/bots/new">New bot</a>`}>No bot has called this hub yet: nobody measures.<//>`}</div>
    <footer><a class="btn primary" href=${`/device/${id}`} onClick=${() => (added.value = null)}>Open ${entities.value?.get(id)?.name}</a>
      <button type="button" class="btn" onClick=${() => (added.value = null)}>Add another</button></footer></section>`;
}
