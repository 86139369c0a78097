// Series of a view, read again as time goes on: a hook for whatever draws charts.

import { now } from "../state.js";
import { useEffect, useSignal } from "../ui.js";
import { read } from "./history.js";

/** A live range is read again after this, a long one as often as a thousandth of it passes. */
const REREAD_S = 10;

/** Reads these paths for the range; returns a signal of `{found, error}`, `found` null until the first answer. */
export function useSeries(paths, { from, to, live }) {
  const state = useSignal({ found: null, error: null, of: "" });
  const width = to - from;
  const step = Math.max(REREAD_S, width / 1_000);
  const key = `${paths.join()}|${width.toFixed(0)}|${live ? Math.floor(now.value / step) : from.toFixed(0)}`;
  const what = `${paths.join()}|${width.toFixed(0)}|${live}|${live ? 0 : from.toFixed(0)}`;
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
  // What was read for another range is not drawn in this one.
  return state.value.of === what ? state.value : { found: null, error: state.value.error };
}
