// How a device is, by what the hub sums up of its last values: from a row of the overview to a state with its cause.

import { written } from "../numbers.js";
import { degrades, outputOf } from "./outputs.js";

/** A value counts as old when three of its intervals have passed, or this, if nobody knows the interval. */
const OLD_AFTER_S = 600;
const NOTHING = { newest: null, series: 0, interval: 0, roles: {} };

/**
 * The state of a device: `{state, since, cause, roles, newest}`; `roles` holds `{v, p}` by the part that series play. Where it is known why,
 * that is the cause: `findings` are what the hub found about it, of which that of the protocol counts that is in trouble.
 */
export function healthOf(device, row, now, findings = []) {
  const { by, ...health } = seen(device, row, now);
  if (health.state === "up") return health;
  const protocol = by && outputOf(by)?.protocol;
  const finding = findings.find((one) => one.cause !== "unknown" && (!protocol || one.protocol === protocol));
  return finding ? { ...health, cause: finding.sentence.replace(/\.$/, ""), since: health.since ?? finding.since } : health;
}

function seen(device, row, now) {
  const { newest, series, interval, roles } = row ?? NOTHING;
  const old = interval > 0 ? 3 * interval + 5 : OLD_AFTER_S;
  if (Object.keys(device.protocols ?? {}).length === 0) return { state: "new", cause: "nothing is measured yet", roles: {}, newest };
  if (series === 0) return { state: "new", cause: interval ? `first values within ${interval} s of the bot's start` : "no values yet", roles: {}, newest };
  if (now - newest > old) return { state: "silent", since: newest, cause: "no value since then", roles: {}, newest };
  return { ...judged(roles), roles, newest };
}

function judged(roles) {
  const { reachability: reach, completeness: complete, coverage } = roles;
  if (reach?.v === 0) return { state: "down", cause: "no answer", by: reach.p };
  if (complete?.v === 0) return { state: "degraded", cause: "answers none of what it is asked", by: complete.p };
  if (reach && degrades("reachability", reach.v)) return { state: "degraded", cause: `${written(1 - reach.v, "ratio")} of packets lost`, by: reach.p };
  if (complete && degrades("completeness", complete.v)) return { state: "degraded", cause: `${written(1 - complete.v, "ratio")} of its values are missing`, by: complete.p };
  if (coverage && degrades("coverage", coverage.v)) return { state: "degraded", cause: `${written(1 - coverage.v, "ratio")} of its flows are lost`, by: coverage.p };
  return { state: "up", cause: "" };
}
