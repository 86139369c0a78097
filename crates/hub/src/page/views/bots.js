// Bots: who measures, when each called last; a new one with exactly the rights that it needs, its token shown once.

import { get, post, remove } from "../api.js";
import { accountId, api, bots, now, protocols, reload } from "../state.js";
import { html, signal, useSignal } from "../ui.js";
import { go, segments } from "../router.js";
import { age, moment } from "../numbers.js";
import { Empty, Note, Pill, icon } from "../icons.js";
import { Head } from "../shell.js";
import { CopyButton, say } from "../parts/dialog.js";
import { FormCard, RemoveButton } from "../parts/save.js";
import { Table } from "../parts/table.js";

/** A bot reads its configuration every two minutes unless told otherwise: after three of them it is silent. */
const SILENT_S = 400;

/** Tokens are shown once: after the view is left only a new bot gives one. */
const token = signal(null);

const stateOf = ({ last_login: last }) => (!last ? "new" : now.value - last > SILENT_S ? "silent" : "up");

const COLUMNS = [
  { name: "state", head: "State", by: stateOf, at: "c", cell: (bot) => html`<${Pill} state=${stateOf(bot)} />` },
  { name: "name", head: "Bot", by: ({ name }) => name, at: "a", className: "who", opens: true, cell: ({ name }) => name },
  {
    name: "protocol",
    head: "Protocol",
    by: ({ protocol }) => protocol,
    at: "d",
    cell: ({ protocol }) => html`<span class="tag">${protocol}</span>`,
  },
  {
    name: "seen",
    head: "Last seen",
    by: ({ last_login: last }) => last ?? null,
    at: "b",
    className: "num",
    cell: ({ last_login: last }) =>
      last ? html`<time title=${moment(last)}>${age(now.value - last)}</time>` : html`<span class="muted">never called</span>`,
  },
];

export function Bots() {
  const [, which] = segments.value;
  const chosen = bots.value.find(({ id }) => String(id) === which);
  return html`<${Head} title="Bots" more=${`${bots.value.filter((bot) => stateOf(bot) === "up").length} of ${bots.value.length} connected`}>
    <a class="btn primary" href="/bots/new">${icon("plus")}New bot</a><//>
    <main class="page" id="main"><div class="cols wide broad"><section class="card" aria-label="Bots">${
      bots.value.length
        ? html`<${Table} columns=${COLUMNS} rows=${bots.value} usual="name" keyOf=${({ id }) => id} open=${({ id }) => `/bots/${id}`} 
          rowProps=${(bot) => ({ "aria-selected": bot === chosen })} label="Bots" />`
        : html`<${Empty} sign="bots" title="No bot yet" action=${html`<a class="btn primary" 
          href="/bots/new">New bot</a>`}>A bot asks this hub what to measure, measures it, and sends the values back. One runs on any machine that reaches the devices.<//>`
    }</section>
      ${which === "new" ? html`<${NewBot} />` : chosen ? html`<${OneBot} key=${chosen.id} bot=${chosen} />` : null}</div></main>`;
}

/** What a bot needs: reads of what is set up, values; entities too where it keeps interfaces and exporters in step. */
export async function giveRights(bot, account, withEntities) {
  const right = (what, methods) => post(api(`bots/${bot}/permissions`), { resource_prefix: `accounts/${account}/${what}`, methods });
  await right("values", ["POST", "PUT"]);
  await right("entities", withEntities ? null : ["GET"]);
  await right("credentials", ["GET"]);
  await right("sensors", ["GET"]);
}

function NewBot() {
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

function OneBot({ bot }) {
  const fresh = token.value?.bot === bot.id ? token.value.text : null;
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
      html`<${Note} kind="warn">This token is shown once. Copy it now: a lost one is replaced by that of a new bot.<//>
      <div class="secret" data-s="warn" data-copy><span class="grow">${fresh}</span><${CopyButton} text=${fresh} /></div>`
    }
      <h3>Run it there</h3><pre class="snippet" 
        tabindex="0">export BACKEND_URL=<em>${location.origin}/api</em>${"\n"}export BOT_TOKEN_FROM_FILE=/etc/grafolean/token${"\n"}grafolean check && grafolean bot ${bot.protocol}</pre>
      <p class="row">${bot.last_login ? html`<${Pill} state=${stateOf(bot)} since=${`${age(now.value - bot.last_login)} ago`} />` : html`<span 
        class="beacon" data-s="warn"></span><span role="status">Waiting for its first call</span>`}</p>
      <dl class="kv"><dt>Id</dt><dd>${bot.id}</dd><dt>Made</dt><dd>${bot.insert_time ? moment(bot.insert_time) : "–"}</dd></dl></div></section>`;
}
