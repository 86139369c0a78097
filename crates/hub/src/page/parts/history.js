// Series over a range, as charts and sparklines take them: single values, or buckets with their true lowest and highest.

import { get } from "../api.js";
import { api, ours, shared } from "../state.js";
import { signal } from "../ui.js";

/** Values or buckets of a series: about two pixels of a wide chart for each. */
const POINTS = 500;
/** A series that is drawn on grows up to this, then it is read again in buckets. */
export const MOST_POINTS = 2 * POINTS;
/** Paths in one request: an address should not be longer than what stands between allows. */
const MOST_PATHS = 40;

/**
 * Reads series from `from` to `to` (seconds); returns by path `{points: [{t, v, low?, high?, n?}], bucket}`, the bucket in seconds, or 0
 * where each point is a value. The lowest and highest of a bucket are values that were measured.
 */
export async function read(paths, from, to, points = POINTS) {
  const found = new Map();
  const some = Array.from({ length: Math.ceil(paths.length / MOST_PATHS) }, (_, i) => paths.slice(i * MOST_PATHS, (i + 1) * MOST_PATHS));
  const answers = await Promise.all(
    some.map((list) => get(ours(`series?p=${encodeURIComponent(list.join(","))}&from=${from.toFixed(3)}&to=${to.toFixed(3)}&points=${points}`))),
  );
  for (const { series } of answers) for (const [path, drawn] of Object.entries(series)) found.set(path, drawable(drawn));
  return found;
}

const drawable = ({ width, rows }) => ({
  bucket: width,
  points: rows.map(([t, v, low, high, n]) => (width ? { t: t + width / 2, v, low, high, n } : { t, v })),
});

/** Series with values that came since, without what lies before `from`; null if none of them is theirs. Buckets are left as they are. */
export function withValues(found, values, from) {
  const own = values.filter(({ p }) => found?.has(p) && !found.get(p).bucket);
  if (own.length === 0) return null;
  const next = new Map(found);
  for (const [path, list] of Map.groupBy(own, ({ p }) => p)) {
    const points = next.get(path).points.filter(({ t }) => t >= from);
    for (const { t, v } of list) {
      // A value replaces the one of its time; one that comes late stands in its place.
      const at = points.findLastIndex((point) => point.t <= t);
      points.splice(at + 1 - Number(points[at]?.t === t), Number(points[at]?.t === t), { t, v });
    }
    next.set(path, { bucket: 0, points });
  }
  return next;
}

/** Paths by filter: `{list, more}`; each is asked for once in a while. */
export async function matching(filters, limit = 1_000) {
  if (shared.value) return new Map(filters.map((filter) => [filter, { list: sharedPaths.value.get(filter) ?? [], more: false }]));
  const asked = filters.map((filter) => get(api(`paths?filter=${encodeURIComponent(filter)}&limit=${limit}`)));
  const answers = await Promise.all(asked);
  const rows = (i) => (answers[i].paths[filters[i]] ?? []).map(({ path }) => path);
  return new Map(filters.map((filter, i) => [filter, { list: rows(i), more: answers[i].limit_reached }]));
}
/** Of a shared dashboard: which paths its filters mean. */
export const sharedPaths = signal(new Map());

/** What a series amounts to: the newest value, lowest, mean, highest, 95th percentile; null where there is no point. */
export function summary({ points }) {
  if (points.length === 0) return { last: null, low: null, mean: null, high: null, p95: null };
  const sorted = points.map(({ v }) => v).sort((a, b) => a - b);
  const reduce = (pick, which) => points.reduce((found, point) => which(found, pick(point)), pick(points[0]));
  return {
    last: points.at(-1).v,
    low: reduce(({ low, v }) => low ?? v, Math.min),
    mean: points.reduce((sum, { v, n = 1 }) => sum + v * n, 0) / points.reduce((sum, { n = 1 }) => sum + n, 0),
    high: reduce(({ high, v }) => high ?? v, Math.max),
    p95: sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)],
  };
}

/** The usual distance between points, in seconds: a longer one than twice of it is a gap. */
export function cadence({ points, bucket }) {
  if (bucket) return bucket;
  const steps = points
    .slice(1)
    .map(({ t }, i) => t - points[i].t)
    .sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? Infinity;
}

/** How many gaps a series has. */
export function gaps(series) {
  const usual = cadence(series);
  return series.points.slice(1).filter(({ t }, i) => t - series.points[i].t > 2.5 * usual).length;
}
