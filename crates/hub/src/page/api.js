// The hub's API as the page uses it, and who is logged in.
//
// A person's session is a cookie, which no script can read; what changes something brings the token that goes with it. A
// session that comes in the address as #token=... is made one at once. A bot's token may come in the address as well: it is
// kept for this tab only. Either is taken out of the address bar.

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
  #bot = sessionStorage.getItem(KEPT_AS);
  #csrf = null;
  #renewed = Date.now();
  #given = null;

  /** What the first user has to know, if the address brought it as #setup=... */
  setupSecret = "";

  constructor() {
    const brought = new URLSearchParams(location.hash.slice(1));
    const given = brought.get("token");
    this.setupSecret = brought.get("setup") ?? "";
    if (!given && !this.setupSecret) return;
    history.replaceState(null, "", location.pathname + location.search);
    if (!given) return;
    if (BOT_TOKEN.test(given)) {
      this.#bot = given;
      sessionStorage.setItem(KEPT_AS, given);
    } else {
      this.#given = given.replace(/^Bearer\s+/i, "").trim();
    }
  }

  get loggedIn() {
    return this.#bot !== null || this.#csrf !== null;
  }

  /** Finds out whether there is a session. */
  async open() {
    if (this.loggedIn) return;
    if (this.#given !== null) {
      const authorization = { Authorization: `Bearer ${this.#given}` };
      this.#given = null;
      await this.#keep(await this.#ask("POST", "hub/session", undefined, authorization));
    }
    if (!this.loggedIn) await this.#keep(await this.#ask("GET", "hub/session"));
  }

  async login(username, password) {
    await this.#keep(await this.#send("POST", "hub/login", { username, password }));
  }

  /** Ends the session, at the hub too. */
  async leave() {
    if (this.#csrf !== null) await this.#ask("POST", "auth/logout").catch(() => {});
    this.#forget();
  }

  #forget() {
    this.#bot = this.#csrf = null;
    sessionStorage.removeItem(KEPT_AS);
  }

  async get(path) {
    return (await this.#send("GET", path)).json();
  }

  async post(path, body) {
    const answer = await this.#send("POST", path, body);
    return answer.status === 204 ? null : answer.json();
  }

  /** Takes the token that goes with the session, if the answer brings one. */
  async #keep(answer) {
    if (!answer.ok) return false;
    this.#csrf = (await answer.json()).csrf_token;
    this.#renewed = Date.now();
    return true;
  }

  async #send(method, path, body) {
    if (this.#csrf !== null && Date.now() - this.#renewed > RENEW_MS) await this.#renew();
    let answer = await this.#ask(method, path, body);
    if (answer.status === 401 && path !== "hub/login" && (await this.#renew())) answer = await this.#ask(method, path, body);
    if (answer.ok) return answer;
    if (answer.status === 401 && path !== "hub/login") {
      this.#forget();
      throw new LoggedOut("the session has ended");
    }
    if (answer.status >= 500) throw new Away(`the hub answered ${answer.status}`);
    throw new Refused(await reason(answer));
  }

  /** Asks for a new session; resolves to whether there is one. */
  async #renew() {
    if (this.#csrf === null) return false;
    this.#renewed = Date.now();
    return this.#keep(await this.#ask("POST", "auth/refresh"));
  }

  async #ask(method, path, body, headers = {}) {
    const url = new URL(`/api/${path}`, location.origin);
    if (this.#bot !== null) url.searchParams.set("b", this.#bot);
    else if (this.#csrf !== null) headers["X-CSRF-Token"] = this.#csrf;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      return await fetch(url, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: "same-origin",
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
