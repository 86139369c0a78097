// The hub's API as the page uses it, and who is logged in.
//
// A person's session is a cookie, which no script can read; what changes something brings the token that goes with it. A
// session that comes in the address as #token=... is made one at once. A bot's token may come in the address as well: it is
// kept for this tab only. Either is taken out of the address bar.

import { signal } from "./ui.js";

const KEPT_AS = "grafolean.token";
const RENEW_MS = 240_000;
const DEADLINE_MS = 15_000;
const BOT_TOKEN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The hub cannot be reached, or has a fault of its own: the same may work later. */
export class Away extends Error {}
/** Nobody is logged in, or no longer. */
export class LoggedOut extends Error {}
/** The hub refused, and said why. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

let bot = sessionStorage.getItem(KEPT_AS);
let csrf = null;
let renewed = 0;
let given = null;

/** Whether somebody is logged in. */
export const loggedIn = signal(bot !== null);

const brought = new URLSearchParams(location.hash.slice(1));
/** What the first user has to know, if the address brought it as #setup=... */
export const setupSecret = brought.get("setup") ?? "";
takeFromAddress();

function takeFromAddress() {
  const token = brought.get("token");
  if (token || setupSecret) history.replaceState(null, "", location.pathname + location.search);
  if (!token) return;
  if (!BOT_TOKEN.test(token)) return void (given = token.replace(/^Bearer\s+/i, "").trim());
  bot = token;
  sessionStorage.setItem(KEPT_AS, token);
  loggedIn.value = true;
}

/** Finds out whether there is a session. */
export async function open() {
  if (loggedIn.value) return;
  if (given !== null) {
    const authorization = { Authorization: `Bearer ${given}` };
    given = null;
    await keep(await ask("POST", "hub/session", undefined, authorization));
  }
  if (!loggedIn.value) await keep(await ask("GET", "hub/session"));
}

export async function login(username, password) {
  await keep(await send("POST", "hub/login", { username, password }));
}

/** Ends the session, at the hub too. */
export async function leave() {
  if (csrf !== null) await ask("POST", "auth/logout").catch(() => {});
  forget();
}

export const get = async (path) => (await send("GET", path)).json();
export const put = (path, body) => send("PUT", path, body).then(content);
export const post = (path, body) => send("POST", path, body).then(content);
export const remove = (path) => send("DELETE", path).then(content);

function forget() {
  bot = csrf = null;
  sessionStorage.removeItem(KEPT_AS);
  loggedIn.value = false;
}

/** Takes the token that goes with the session, if the answer brings one. */
async function keep(answer) {
  if (!answer.ok) return false;
  csrf = (await answer.json()).csrf_token;
  renewed = Date.now();
  loggedIn.value = true;
  return true;
}

async function content(answer) {
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

async function send(method, path, body, stop) {
  if (csrf !== null && Date.now() - renewed > RENEW_MS) await renew();
  let answer = await ask(method, path, body, {}, stop);
  if (answer.status === 401 && path !== "hub/login" && (await renew())) answer = await ask(method, path, body, {}, stop);
  if (answer.ok) return answer;
  if (answer.status === 401 && path !== "hub/login") {
    if (loggedIn.value) forget();
    throw new LoggedOut("the session has ended");
  }
  if (answer.status >= 500) throw new Away(`the hub answered ${answer.status}`);
  throw new Refused(await reason(answer), answer.status);
}

let renewing = null;
/** Asks for a new session, once for all who ask; resolves to whether there is one. */
function renew() {
  if (csrf === null) return Promise.resolve(false);
  renewed = Date.now();
  renewing ??= ask("POST", "auth/refresh")
    .then(keep)
    .finally(() => (renewing = null));
  return renewing;
}

async function ask(method, path, body, headers = {}, stop = AbortSignal.timeout(DEADLINE_MS)) {
  const url = new URL(`/api/${path}`, location.origin);
  if (bot !== null) url.searchParams.set("b", bot);
  else if (csrf !== null) headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const text = body === undefined ? undefined : JSON.stringify(body);
  try {
    return await fetch(url, { method, headers, body: text, cache: "no-store", credentials: "same-origin", signal: stop });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Away(error.name === "TimeoutError" ? "the hub takes too long to answer" : "the hub does not answer");
  }
}

async function reason(answer) {
  const text = await answer.text();
  try {
    return String(JSON.parse(text).detail ?? text);
  } catch {
    return text || `the hub answered ${answer.status}`;
  }
}

/** The address of the hub's events, for an EventSource: the session goes with it as a cookie, a bot's token in the address. */
export const eventsUrl = (asked) => `/api/hub/events?${new URLSearchParams(bot === null ? asked : { ...asked, b: bot })}`;

/** Reads an answer that comes in lines of JSON, each as soon as it is there. */
export async function lines(path, stop, take) {
  const answer = await send("GET", path, undefined, stop);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const whole = (rest + (value ?? "")).split("\n");
    rest = whole.pop();
    for (const line of whole) if (line) take(JSON.parse(line));
    if (done) return;
  }
}
