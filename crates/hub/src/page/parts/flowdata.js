// Stored flows of an exporter as views take them: the largest over time, what is left, and who is behind an address.

import { get } from "../api.js";
import { draw, live as told, on, unhurried } from "../live.js";
import { devices, now, ours, shared } from "../state.js";
import { computed, useEffect, useSignal } from "../ui.js";

const REREAD_S = 30;
/** Values of an interval come in some requests: they are read together. */
const TOGETHER_MS = 2_000;
const COLOURS = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"];
export const MOST_SHOWN = COLOURS.length;

/** By what flows are stored: the name in the address, its word, the word of one, and whether interfaces have it too. */
export const BY = {
  address: { word: "Address", ingress: "source address", egress: "destination address", of: { ingress: "Source", egress: "Destination" }, everywhere: true },
  protocol: { word: "Protocol", ingress: "protocol", egress: "protocol", of: { ingress: "Protocol", egress: "Protocol" }, everywhere: true },
  port: { word: "Port", ingress: "destination port", egress: "destination port", of: { ingress: "Port", egress: "Port" } },
  pair: { word: "Pair", ingress: "pair", egress: "pair", of: { ingress: "Pair", egress: "Pair" } },
};
const SERVICES = { 20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "domain", 80: "http", 110: "pop3", 123: "ntp", 143: "imap", 161: "snmp", 162: "snmptrap", 179: "bgp", 389: "ldap", 443: "https", 445: "microsoft-ds", 465: "submissions", 514: "syslog", 587: "submission", 636: "ldaps", 853: "domain-s", 873: "rsync", 993: "imaps", 995: "pop3s", 1883: "mqtt", 2049: "nfs", 2055: "netflow", 3306: "mysql", 3389: "ms-wbt-server", 4739: "ipfix", 5432: "postgresql", 5060: "sip", 5353: "mdns", 6343: "sflow", 8080: "http-alt", 8443: "https-alt" };

/** Names of devices by the addresses that they have. */
const namesByAddress = computed(
  () => new Map(devices.value.flatMap(({ name, details }) => [details?.ipv4, details?.ipv6].filter(Boolean).map((address) => [address, name]))),
);
/** What one key is called, and what it is: `{name, more}`. */
export function called(key, by) {
  if (by === "port") return { name: key, more: SERVICES[key] ?? "" };
  const name = namesByAddress.value.get(key);
  return name ? { name, more: key } : { name: key, more: "" };
}

/** Reads the largest for a range: a signal of `{found, error}`. */
export function useFlows(entity, { index, direction, by, not = [], top = MOST_SHOWN }, { from, to, live }) {
  const state = useSignal({ found: null, error: null, of: "" });
  const asked = { direction, by, top, ...(index !== null && { if: index }), ...(not.length && { not: not.join(",") }) };
  const what = `${entity}?${new URLSearchParams(asked)}|${(to - from).toFixed(0)}|${live ? "" : from.toFixed(0)}`;
  const came = useSignal(0);
  useEffect(() => {
    if (!entity || !live || shared.value) return undefined;
    const total = `netflow.?.${direction}.entity.${entity}${index === null ? "" : `.if.${index}`}`;
    const matches = ({ p }) => p.endsWith(total.slice("netflow.?".length)) && p.startsWith("netflow.");
    const again = unhurried(() => void (came.value += 1), TOGETHER_MS);
    const ends = [draw([total]), on("values", ({ list }) => list.some(matches) && setTimeout(again, TOGETHER_MS))];
    return () => ends.forEach((end) => end());
  }, [`${entity} ${index} ${direction} ${live}`]);
  const turn = told.value ? `told ${came.value}` : Math.floor(now.value / REREAD_S);
  const key = `${what}|${live ? turn : 0}`;
  useEffect(() => {
    let current = true;
    if (!entity || (document.hidden && state.value.found)) return undefined;
    const query = new URLSearchParams({ ...asked, from: from.toFixed(0), to: to.toFixed(0) });
    get(ours(`flows/${entity}?${query}`)).then(
      (found) => current && (state.value = { found, error: null, of: what }),
      (error) => current && (state.value = { found: null, error: error.message, of: what }),
    );
    return () => (current = false);
  }, [key]);
  return state.value.of === what ? state.value : { found: null, error: null };
}

/** Colours stay with the thing as long as the view lives, also when it is narrowed. */
export function colourKeeper() {
  const kept = new Map();
  return (keys) => {
    for (const key of keys) {
      if (kept.has(key)) continue;
      const taken = new Set(kept.values());
      kept.set(key, COLOURS.find((colour) => !taken.has(colour)) ?? "other");
    }
    return kept;
  };
}

/** What charts and tables take: series of rates, largest first, with what is left; rows with their bytes. */
export function ranked({ times, width, total, top }, by, { colours, only = [], exclude = [] }) {
  const name = ({ key }) => key.join(" → ");
  const rows = top.filter((row) => only.length === 0 || only.includes(name(row))).slice(0, MOST_SHOWN);
  const kept = colours(rows.map(name));
  const rate = (bytes) => (bytes * 8) / width;
  const series = rows.map((row) => ({
    path: name(row),
    name: called(name(row), by).name,
    colour: kept.get(name(row)),
    points: times.map((t, i) => ({ t, v: rate(row.values[i] ?? 0) })),
    // Not among the ten largest of its interval: that is not nothing, it is in the rest.
    absent: new Set(times.filter((t, i) => row.values[i] === null)),
    bucket: 0,
    unit: "b/s",
  }));
  const rest = times.map((t, i) => Math.max(0, (total.values[i] ?? 0) - rows.reduce((sum, { values }) => sum + (values[i] ?? 0), 0)));
  const others = rest.reduce((sum, bytes) => sum + bytes, 0);
  const whole = only.length === 0 && exclude.length === 0;
  if (whole && times.length > 0)
    series.push({ path: "others", name: "others", colour: "other", points: times.map((t, i) => ({ t, v: rate(rest[i]) })), bucket: 0, unit: "b/s" });
  const shown = rows.map((row) => ({ key: name(row), bytes: row.bytes, colour: kept.get(name(row)) }));
  const bytes = whole ? total.bytes : shown.reduce((sum, row) => sum + row.bytes, 0);
  return { series, rows: shown, bytes: times.length ? bytes : null, others: whole ? others : null };
}
