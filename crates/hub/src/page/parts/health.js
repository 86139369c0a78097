// How a device is, by what the hub sums up of its last values: pure, from a row of the overview to a state with its cause.

import { written } from "../numbers.js";

/** A value counts as old when three of its intervals have passed, or this, if nobody knows the interval. */
const OLD_AFTER_S = 600;
/** Below this share of values or flows a device is degraded: what is left out is no longer an odd one. */
const LEAST_SHARE = 0.95;
const NOTHING = { newest: null, series: 0, interval: 0, roles: {} };

/** The state of a device: `{state, since, cause, roles, newest}`; `roles` holds `{v, p}` by the part that series play. */
export function healthOf(device, row, now) {
  const { newest, series, interval, roles } = row ?? NOTHING;
  const old = interval > 0 ? 3 * interval + 5 : OLD_AFTER_S;
  if (Object.keys(device.protocols ?? {}).length === 0) return { state: "new", cause: "nothing is measured yet", roles: {}, newest };
  if (series === 0) return { state: "new", cause: interval ? `first values within ${interval} s of the bot's start` : "no values yet", roles: {}, newest };
  if (now - newest > old) return { state: "silent", since: newest, cause: "no value since then", roles: {}, newest };
  return { ...judged(roles), roles, newest };
}

function judged(roles) {
  const { reachability: reach, completeness: complete, coverage } = roles;
  if (reach?.v === 0) return { state: "down", cause: "no answer" };
  if (complete?.v === 0) return { state: "degraded", cause: "answers none of what it is asked" };
  if (reach && reach.v < 1) return { state: "degraded", cause: `${written(1 - reach.v, "ratio")} of packets lost` };
  if (complete && complete.v < LEAST_SHARE) return { state: "degraded", cause: `${written(1 - complete.v, "ratio")} of its values are missing` };
  if (coverage && coverage.v < LEAST_SHARE) return { state: "degraded", cause: `${written(1 - coverage.v, "ratio")} of its flows are lost` };
  return { state: "up", cause: "" };
}
