// The ways in: the first person of a new hub, a person with a password, and the first account.

import { element } from "./element.js";
import { Away } from "./api.js";

export function showLogin(main, api, entered) {
  show(main, {
    title: "Log in",
    fields: [field("username", "User name", "username"), field("password", "Password", "current-password", "password")],
    action: "Log in",
    submit: async ({ username, password }) => {
      await api.login(username, password);
      entered();
    },
  });
}

export function showFirstPerson(main, api, entered) {
  show(main, {
    title: "Welcome",
    text: "This hub is new. Make its first user, who may do everything. The set-up secret is printed when the hub starts.",
    fields: [
      field("secret", "Set-up secret", "off", "text", api.setupSecret),
      field("username", "User name", "username"),
      field("password", "Password, at least 8 characters", "new-password", "password"),
    ],
    action: "Begin",
    submit: async ({ secret, username, password }) => {
      await api.post("admin/first", { username, password, name: username, email: `${username}@localhost`, setup_secret: secret });
      await api.login(username, password);
      entered();
    },
  });
}

export function showFirstAccount(main, api, entered) {
  show(main, {
    title: "No account yet",
    text: "An account holds devices, sensors and their values. How is the first one called?",
    fields: [field("name", "Name", "organization")],
    action: "Make it",
    submit: async ({ name }) => {
      await api.post("admin/accounts", { name });
      entered();
    },
  });
}

function field(name, label, autocomplete, type = "text", value = "") {
  const input = element("input", { name, type, autocomplete, value, required: true, spellcheck: false });
  input.setAttribute("autocapitalize", "none");
  return element("label", {}, label, input);
}

function show(main, { title, text, fields, action, submit }) {
  const button = element("button", { type: "submit" }, action);
  const problem = element("p", { class: "problem", role: "alert" });
  const form = element("form", { class: "card login" }, element("h1", {}, title), text ? element("p", {}, text) : null, ...fields, button, problem);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    try {
      await submit(Object.fromEntries(new FormData(form)));
    } catch (error) {
      problem.textContent = error instanceof Away ? `${error.message}, try again` : error.message || "refused";
    }
    button.disabled = false;
  });
  main.replaceChildren(form);
  (form.querySelector("input:placeholder-shown, input[value='']") ?? form.querySelector("input")).focus();
}
