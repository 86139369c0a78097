// How a device is, by its last values: pure, from what is set up and what came to a state with its cause.

import { written } from "../numbers.js";
import { byRole } from "./outputs.js";

/** A value counts as old when three of its intervals have passed, or this, if nobody knows the interval. */
const OLD_AFTER_S = 600;

/** The longest interval at which something is measured of an entity; 0 if none is known. */
export function longestInterval(entity, sensors) {
  const seconds = Object.values(entity.protocols ?? {}).flatMap(({ sensors: uses }) =>
    uses.map((use) => use.interval ?? sensors.get(use.sensor)?.default_interval ?? 0),
  );
  return Math.max(0, ...seconds);
}

/**
 * The state of a device: `{state, since, cause, roles, newest}`; `roles` holds the newest values by the part that they play,
 * without those that are old.
 */
export function healthOf(entity, values, sensors, now) {
  const longest = longestInterval(entity, sensors);
  const old = longest > 0 ? 3 * longest + 5 : OLD_AFTER_S;
  const newest = values.reduce((latest, { t }) => Math.max(latest, t), -Infinity);
  if (Object.keys(entity.protocols ?? {}).length === 0) return { state: "new", cause: "nothing is measured yet", roles: new Map(), newest };
  if (values.length === 0)
    return {
      state: "new",
      cause: longest ? `first values within ${longest} s of the bot's start` : "no values yet",
      roles: new Map(),
      newest,
    };
  if (now - newest > old) return { state: "silent", since: newest, cause: "no value since then", roles: new Map(), newest };
  const roles = byRole(values.filter(({ t }) => now - t <= old));
  return { ...judged(roles), roles, newest };
}

function judged(roles) {
  const worst = (role) => roles.get(role)?.reduce((a, b) => (b.v < a.v ? b : a));
  const reach = worst("reachability"),
    complete = worst("completeness"),
    coverage = worst("coverage");
  if (reach?.v === 0) return { state: "down", cause: "no answer" };
  if (complete?.v === 0) return { state: "degraded", cause: "answers none of what it is asked" };
  if (reach && reach.v < 1) return { state: "degraded", cause: `${written(1 - reach.v, "ratio")} of packets lost` };
  if (complete && complete.v < 1) return { state: "degraded", cause: `${written(1 - complete.v, "ratio")} of its values are missing` };
  if (coverage && coverage.v < 0.99) return { state: "degraded", cause: `${written(1 - coverage.v, "ratio")} of its flows are lost` };
  return { state: "up", cause: "" };
}
