// What a path measures, as the protocols' declarations say: its unit, title, and the part it plays on the page.

import { protocols } from "../state.js";
import { computed } from "../ui.js";
import { unescaped } from "../numbers.js";

/** Declared outputs with an expression for their paths; those with the most letters of their own first, since they say most. */
const patterns = computed(() => {
  const outputs = [...protocols.value.values()].flatMap((protocol) =>
    protocol.outputs.map((output) => ({ ...output, protocol: protocol.name })),
  );
  return outputs.map(compiled).sort((a, b) => b.literal - a.literal);
});
let known = new Map();
let knownFor = null;

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
/** `{name}` stands for at least one letter, of one segment or several. */
function compiled(output) {
  const names = [];
  const pieces = output.path.split(/(\{[^}]*\})/).map((piece) => {
    if (!piece.startsWith("{")) return escaped(piece);
    names.push(piece.slice(1, -1));
    return "(.+?)";
  });
  const literal = output.path.replace(/\{[^}]*\}/g, "").length;
  return { output: { ...output, unit: unitOfPage(output) }, names, literal, expression: new RegExp(`^${pieces.join("")}$`) };
}

/** Units are declared by the symbols of UCUM; the page writes those of networks. Shares of 1 are written in percent. */
const WRITTEN = { By: "B", "By/s": "B/s", bit: "b", "bit/s": "b/s", bool: "", 1: "", Cel: "°C" };
const SHARES = new Set(["reachability", "loss", "completeness", "coverage"]);
const unitOfPage = ({ unit, role }) => (unit === "1" && SHARES.has(role) ? "ratio" : (WRITTEN[unit] ?? unit));

/** The declared output of a path with what its placeholders stand for, `{...output, at: {entity, ...}}`; null if none declares it. */
export function outputOf(path) {
  if (knownFor !== patterns.value) {
    known = new Map();
    knownFor = patterns.value;
  }
  if (!known.has(path)) known.set(path, find(path));
  return known.get(path);
}

function find(path) {
  for (const { output, names, expression } of patterns.value) {
    const match = expression.exec(path);
    if (match) return { ...output, at: Object.fromEntries(names.map((name, i) => [name, unescaped(match[i + 1])])) };
  }
  return null;
}

/** From where on people are to look at a share that plays a part, as its protocol declares: `{amber, degraded, red}`, shares of 1. */
const limits = computed(() => {
  const found = new Map();
  for (const { outputs } of protocols.value.values())
    for (const { role, limits: own } of outputs)
      if (role && own && !found.has(role)) found.set(role, { amber: own.amber / 100, degraded: (own.degraded ?? NaN) / 100, red: own.red / 100 });
  return found;
});

/** How a share of a part looks: "bad", "careful" or "". */
export function looks(role, share) {
  const own = limits.value.get(role);
  if (!own || share === null || share === undefined) return "";
  const [beyond, at] = own.red < own.amber ? [(a, b) => a < b, (a, b) => a <= b] : [(a, b) => a > b, (a, b) => a >= b];
  return at(share, own.red) ? "bad" : beyond(share, own.amber) ? "careful" : "";
}

/** Whether a share of a part makes its device a degraded one. */
export function degrades(role, share) {
  const own = limits.value.get(role);
  return Boolean(own) && (own.red < own.amber ? share < own.degraded : share > own.degraded);
}

export const unitOf = (path) => outputOf(path)?.unit ?? "";

/** A path without its entity, escapes undone. */
export const label = (path) => unescaped(path.replace(/^entity\.\d+\./, ""));

/** Values of a list, by the part that their paths play: `reachability`, `round-trip`, `completeness`, `traffic-in`, ... */
export function byRole(values) {
  const found = new Map();
  for (const value of values) {
    const role = outputOf(value.p)?.role;
    if (role) found.has(role) ? found.get(role).push(value) : found.set(role, [value]);
  }
  return found;
}

/** How values of a path are shown: rates of octets as bits unless bytes are wanted, `{unit, factor}`. */
export function display(path, bytes = false) {
  const unit = unitOf(path);
  if (unit !== "B/s") return { unit, factor: 1 };
  return bytes ? { unit: "B/s", factor: 1 } : { unit: "b/s", factor: 8 };
}
