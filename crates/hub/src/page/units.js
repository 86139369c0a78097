// What a path measures, as its last segments tell, and how a value of it is written.

const SECONDS = "s", SHARE = "%", BYTES = "B", RATE = "B/s", PLAIN = "";

export function unitOf(path) {
  if (path.startsWith("netflow.")) return BYTES;
  const segments = path.split(".");
  if (segments.includes("ping")) {
    if (segments.includes("rtt") || segments.includes("jitter")) return SECONDS;
    if (["ok", "success", "loss"].includes(segments.at(-1))) return SHARE;
  }
  if (segments.includes("in-octets") || segments.includes("out-octets")) return RATE;
  return PLAIN;
}

const SCALES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"]];

/** Gives number and unit apart. */
export function parts(value, unit) {
  if (value === null || value === undefined) return ["–", ""];
  if (unit === SHARE) return [digits(value * 100), "%"];
  if (unit === SECONDS) {
    const size = Math.abs(value);
    if (size >= 1 || size === 0) return [digits(value), "s"];
    return size >= 1e-3 ? [digits(value * 1e3), "ms"] : [digits(value * 1e6), "µs"];
  }
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e15 || size < 1e-6)) return [value.toExponential(2), unit];
  const prefixed = unit !== PLAIN || size >= 1e4;
  const [scale, prefix] = prefixed ? SCALES.find(([scale]) => size >= scale) ?? [1, ""] : [1, ""];
  return [digits(value / scale), prefix + unit];
}

export function written(value, unit) {
  const [number, name] = parts(value, unit);
  return name ? `${number} ${name}` : number;
}

/** Three significant digits, without trailing zeros. */
function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  const places = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : Math.min(6, 2 - Math.floor(Math.log10(size)));
  return String(Number(value.toFixed(places)));
}

export function age(seconds) {
  if (seconds < -1) return "in the future";
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A path without its entity, escapes undone, for people. */
export function label(path) {
  return path.replace(/^entity\.\d+\./, "").replaceAll("%2e", ".").replaceAll("%3a", ":");
}
