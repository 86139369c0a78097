// Series of a view as time goes on: read once, then drawn on by the values that the hub tells of; a hook for whatever draws charts.

import { draw, live as told, on } from "../live.js";
import { now, shared } from "../state.js";
import { useEffect, useSignal } from "../ui.js";
import { MOST_POINTS, read, withValues } from "./history.js";

/** A live range is read again after this where nobody tells, or in steps of a thousandth where its points are buckets. */
const REREAD_S = 10;
/** Even where all is told it is read again in a while: what came late, and what grew beyond a chart's width. */
const REREAD_TOLD_S = 300;

/** Reads these paths for the range; returns a signal of `{found, error}`, `found` null until the first answer. */
export function useSeries(paths, { from, to, live }) {
  const state = useSignal({ found: null, error: null, of: "" });
  const width = to - from;
  const what = `${paths.join()}|${width.toFixed(0)}|${live}|${live ? 0 : from.toFixed(0)}`;
  const step = Math.max(REREAD_S, width / 1_000, isTold(state.value.found, width) ? REREAD_TOLD_S : 0);
  const key = `${paths.join()}|${width.toFixed(0)}|${live ? `${told.value} ${Math.floor(now.value / step)}` : from.toFixed(0)}`;
  useEffect(() => {
    let current = true;
    if (document.hidden && state.value.found) return undefined;
    if (paths.length === 0) state.value = { found: new Map(), error: null, of: what };
    else
      read(paths, from, to).then(
        (found) => current && (state.value = { found, error: null, of: what }),
        (error) => current && (state.value = { ...state.value, error: error.message }),
      );
    return () => (current = false);
  }, [key]);
  useEffect(() => {
    if (!live || paths.length === 0 || shared.value) return undefined;
    const end = draw(paths);
    const off = on("values", ({ list }) => {
      const found = state.value.of === what && withValues(state.value.found, list, now.peek() - width);
      if (found) state.value = { ...state.value, found };
    });
    return () => (end(), off());
  }, [what]);
  // What was read for another range is not drawn in this one.
  return state.value.of === what ? state.value : { found: null, error: state.value.error };
}

/** Whether values that are told are all that is to be drawn: their points are no buckets. */
function isTold(found, width) {
  return told.value && found !== null && width < 86_400 && [...found.values()].every(({ bucket, points }) => !bucket && points.length < MOST_POINTS);
}
