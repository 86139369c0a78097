// One bot: a new one with exactly the rights that it needs, its token shown once; what it may do, how to run it.

import { get, post, remove } from "../api.js";
import { account, accountId, api, now, protocols, reload } from "../state.js";
import { html, signal, useEffect, useSignal } from "../ui.js";
import { go } from "../router.js";
import { age, moment } from "../numbers.js";
import { Note, Pill } from "../icons.js";
import { CopyButton, say } from "../parts/dialog.js";
import { FormCard, RemoveButton } from "../parts/save.js";

/** Tokens are shown once: after the view is left only a new bot gives one. */
const token = signal(null);
/** What the bot that is looked at may do. */
const rights = signal(null);
const VERBS = { GET: "reads", POST: "writes", PUT: "writes", DELETE: "deletes" };

/** Rights in a sentence: what is read and written, and of whom. */
function inWords(list) {
  const by = new Map();
  for (const { resource_prefix: prefix, methods } of list) {
    const what = prefix === null ? "everything" : prefix.split("/").at(-1);
    for (const verb of new Set((methods ?? ["GET", "PUT"]).map((method) => VERBS[method]))) by.set(verb, [...(by.get(verb) ?? []), what]);
  }
  const said = [...by].map(([verb, things]) => `${verb} ${things.join(", ").replace(/, ([^,]*)$/, " and $1")}`);
  return said.length ? `Rights: ${said.join("; ")} of ${account.value?.name}. Nothing else.` : "Rights: none.";
}

/** What a bot needs: reads of what is set up, values; entities too where it keeps interfaces and exporters in step. */
export async function giveRights(bot, account, withEntities) {
  const right = (what, methods) => post(api(`bots/${bot}/permissions`), { resource_prefix: `accounts/${account}/${what}`, methods });
  await right("values", ["POST", "PUT"]);
  await right("entities", withEntities ? null : ["GET"]);
  await right("credentials", ["GET"]);
  await right("sensors", ["GET"]);
}

export function NewBot() {
  const name = useSignal(""),
    protocol = useSignal(""),
    withEntities = useSignal(true);
  const known = [...protocols.value.keys()];
  const save = async () => {
    const made = await post(api("bots"), { name: name.value.trim(), protocol: protocol.value.trim(), config: null });
    await giveRights(made.id, accountId.value, withEntities.value);
    token.value = { bot: made.id, text: (await get(api(`bots/${made.id}/token`))).token };
    await reload();
    return `/bots/${made.id}`;
  };
  const check = () =>
    new Map(
      [
        [name.value.trim() || null, ["/name", "This is needed."]],
        [protocol.value.trim() || null, ["/protocol", "This is needed."]],
      ]
        .filter(([given]) => !given)
        .map(([, fault]) => fault),
    );
  return html`<${FormCard} title="New bot" check=${check} save=${save} verb="Create bot" dirty=${false}>
    <div class="field"><label for="f-name">Name</label>
      <input class="input" id="f-name" value=${name.value} onInput=${(event) => (name.value = event.target.value)} placeholder="snmp-branch" /></div>
    <div class="field"><label for="f-protocol">Protocol</label>
      <input class="input" id="f-protocol" list="protocols-known" value=${protocol.value} onInput=${(event) => (protocol.value = event.target.value)} 
        autocapitalize="none" />
      <datalist id="protocols-known">${known.map((one) => html`<option value=${one} />`)}</datalist>
        <span class="hint">What it measures by; a bot of your own names its own.</span></div>
    <label class="field check"><span class="row">
      <input type="checkbox" checked=${withEntities.value} 
        onChange=${(event) => (withEntities.value = event.target.checked)} /> May keep entities in step</span><span 
        class="hint">Interfaces of SNMP devices, and exporters of flows that nobody named.</span></label><//>`;
}

export function OneBot({ row: { bot, state, last } }) {
  const fresh = token.value?.bot === bot.id ? token.value.text : null;
  useEffect(() => {
    get(`users/${bot.id}/permissions`).then(
      ({ list }) => (rights.value = { of: bot.id, list }),
      () => (rights.value = null),
    );
  }, [bot.id]);
  const drop = async () => {
    await remove(api(`bots/${bot.id}`));
    await reload();
    say(`Bot ${bot.name} is gone`);
    go("/bots");
  };
  return html`<section class="card"><header class="ruled"><h2>${bot.name}</h2><span class="tag">${bot.protocol}</span><span class="grow"></span>
      <${RemoveButton} what=${bot.name} consequence="Its token ends at once. Devices that are given to it are taken by any other bot of its protocol." remove=${drop} /></header>
    <div class="body stack">${
      fresh &&
      html`<${Note} kind="warn">This token is shown once. Copy it now; a lost one is replaced, not read.<//>
      <div class="secret" data-s="warn" data-copy><span class="grow">${fresh}</span><${CopyButton} text=${fresh} /></div>`
    }
      <h3>Run it there</h3><pre class="snippet" 
        tabindex="0">$ export BACKEND_URL=<em>${location.origin}/api</em>${"\n"}$ export BOT_TOKEN_FROM_FILE=/etc/grafolean/token${"\n"}$ grafolean check && grafolean bot ${bot.protocol}</pre>
      <p class="row">${last ? html`<${Pill} state=${state} since=${`${age(now.value - last)} ago`} />` : html`<span 
        class="beacon" data-s="warn"></span><span role="status">Waiting for its first call</span>`}</p>
      <p class="small muted">${rights.value?.of === bot.id ? inWords(rights.value.list) : ""}</p>
      <dl class="kv"><dt>Id</dt><dd>${bot.id}</dd><dt>Made</dt><dd>${bot.insert_time ? moment(bot.insert_time) : "–"}</dd></dl></div></section>`;
}
