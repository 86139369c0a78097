// The hub's API as the page uses it, and who is logged in.
//
// A token is a person's session (renewed here before it ends) or a bot's. It comes by logging in, or in the address as
// #token=..., is kept for this tab only and taken out of the address bar at once.

const KEPT_AS = "grafolean.token";
const RENEW_MS = 240_000;
const DEADLINE_MS = 15_000;
const BOT_TOKEN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The hub cannot be reached, or has a fault of its own: the same may work later. */
export class Away extends Error {}
/** Nobody is logged in, or no longer. */
export class LoggedOut extends Error {}
/** The hub refused, and said why. */
export class Refused extends Error {}

export class Api {
  #token = sessionStorage.getItem(KEPT_AS);
  #renewed = Date.now();

  /** What the first user has to know, if the address brought it as #setup=... */
  setupSecret = "";

  constructor() {
    const brought = new URLSearchParams(location.hash.slice(1));
    const given = brought.get("token");
    this.setupSecret = brought.get("setup") ?? "";
    if (!given && !this.setupSecret) return;
    history.replaceState(null, "", location.pathname + location.search);
    if (!given) return;
    // How old a session that was given is, is not known: it is renewed once it is refused. Not at once, since another tab
    // may have been opened by the same address.
    this.#keep(given);
  }

  get loggedIn() {
    return this.#token !== null;
  }

  async login(username, password) {
    const answer = await this.#send("POST", "auth/login", { username, password });
    this.#keep(answer.headers.get("x-jwt-token"));
  }

  /** Ends the session, at the hub too. */
  async leave() {
    if (this.#token && !BOT_TOKEN.test(this.#token)) await this.#ask("POST", "auth/logout").catch(() => {});
    this.logout();
  }

  logout() {
    this.#token = null;
    sessionStorage.removeItem(KEPT_AS);
  }

  async get(path) {
    return (await this.#send("GET", path)).json();
  }

  async post(path, body) {
    const answer = await this.#send("POST", path, body);
    return answer.status === 204 ? null : answer.json();
  }

  #keep(token) {
    this.#token = token.replace(/^Bearer\s+/i, "").trim();
    this.#renewed = Date.now();
    sessionStorage.setItem(KEPT_AS, this.#token);
  }

  async #send(method, path, body) {
    if (this.#token && !BOT_TOKEN.test(this.#token) && Date.now() - this.#renewed > RENEW_MS) await this.#renew();
    let answer = await this.#ask(method, path, body);
    if (answer.status === 401 && path !== "auth/login" && (await this.#renew())) answer = await this.#ask(method, path, body);
    if (answer.ok) return answer;
    if (answer.status === 401 && path !== "auth/login") {
      this.logout();
      throw new LoggedOut("the session has ended");
    }
    if (answer.status >= 500) throw new Away(`the hub answered ${answer.status}`);
    throw new Refused(await reason(answer));
  }

  /** Asks for a new token; says whether there is one. */
  async #renew() {
    if (!this.#token || BOT_TOKEN.test(this.#token)) return false;
    const answer = await this.#ask("POST", "auth/refresh");
    this.#renewed = Date.now();
    const token = answer.headers.get("x-jwt-token");
    if (answer.ok && token) this.#keep(token);
    return answer.ok;
  }

  async #ask(method, path, body) {
    const url = new URL(`/api/${path}`, location.origin);
    const headers = {};
    if (this.#token && BOT_TOKEN.test(this.#token)) url.searchParams.set("b", this.#token);
    else if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      return await fetch(url, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
    } catch (error) {
      throw new Away(error.name === "TimeoutError" ? "the hub takes too long to answer" : "the hub does not answer");
    }
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
