// Series over a range, as charts and sparklines take them: single values, or buckets with their true lowest and highest.

import { post } from "../api.js";
import { api } from "../state.js";

/** More single values than this are not told apart on a screen: buckets of hours are shown then. */
const MOST_POINTS = 20_000;
const MOST_PATHS = 50;
/** From this range on buckets are asked for at once: a month of seconds need not be read to be thrown away. */
const BUCKETS_FROM_S = 4 * 86_400;
const HOUR_S = 3_600;

/** Reads series from `from` to `to` (seconds); returns by path `{points: [{t, v, low?, high?}], bucket}`, the bucket in seconds or 0. */
export async function read(paths, from, to) {
  const found = new Map();
  for (let at = 0; at < paths.length; at += MOST_PATHS) {
    const some = paths.slice(at, at + MOST_PATHS);
    const asked = { p: some.join(","), t0: from.toFixed(6), t1: to.toFixed(6) };
    if (to - from < BUCKETS_FROM_S) {
      const { paths: rows } = await post(api("getvalues"), { ...asked, limit: MOST_POINTS });
      for (const path of some) found.set(path, rows[path]?.next_data_point ? null : { points: rows[path]?.data ?? [], bucket: 0 });
    }
    const left = some.filter((path) => !found.get(path));
    if (left.length) (await buckets(left, from, to)).forEach((series, path) => found.set(path, series));
  }
  return found;
}

async function buckets(paths, from, to) {
  // 3^level hours, such that at most a thousand stand side by side.
  const level = Math.min(6, Math.max(0, Math.ceil(Math.log((to - from) / HOUR_S / 1_000) / Math.log(3))));
  const { paths: rows } = await post(api("getaggrvalues"), { p: paths.join(","), t0: from.toFixed(6), t1: to.toFixed(6), a: level });
  const series = (row) => ({
    bucket: 3 ** level * HOUR_S,
    points: (row?.data ?? []).map(({ t, v, minv, maxv }) => ({ t, v, low: minv, high: maxv })),
  });
  return new Map(paths.map((path) => [path, series(rows[path])]));
}

/** What a series amounts to: the newest value, lowest, mean, highest, 95th percentile; null where there is no point. */
export function summary({ points }) {
  if (points.length === 0) return { last: null, low: null, mean: null, high: null, p95: null };
  const sorted = points.map(({ v }) => v).sort((a, b) => a - b);
  const reduce = (pick, which) => points.reduce((found, point) => which(found, pick(point)), pick(points[0]));
  return {
    last: points.at(-1).v,
    low: reduce(({ low, v }) => low ?? v, Math.min),
    mean: sorted.reduce((a, b) => a + b, 0) / sorted.length,
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
