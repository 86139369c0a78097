// How far totals of flows can be trusted: what was lost on the way, what interface counters say, what could not be scaled.

import { lastValues, now, statuses } from "../state.js";
import { html, useSignal, useEffect } from "../ui.js";
import { count, shown, written } from "../numbers.js";
import { Note } from "../icons.js";
import { matching, read } from "../parts/history.js";
import { degrades, outputOf } from "../parts/outputs.js";

const LEAST_MINUTES = 3;
const REREAD_S = 60;
/** Formats of flows as people write them. */
export const FORMATS = { netflow5: "NetFlow v5", netflow9: "NetFlow v9", ipfix: "IPFIX", sflow5: "sFlow v5" };

export function Reconciled({ device, index, direction, at }) {
  const coverage = lastValues.value?.get(`netflow.coverage.entity.${device.id}`)?.v ?? null;
  const heard = heardOf(device);
  const verdict = verdictOf(device);
  const compared = useRatio(device, index, direction, at);
  const judged = index === null ? verdict : verdict?.interfaces.find((one) => one.index === Number(index));
  const ratio = judged?.[direction] ?? judged?.reconciled ?? compared;
  const found = verdict?.findings.find(({ interfaces }) => index === null || !interfaces.length || interfaces.includes(Number(index)));
  if (coverage === null && ratio === null && !heard && !verdict) return null;
  const lost = degrades("coverage", coverage ?? 1),
    off = !verdict && ratio !== null && Math.abs(ratio - 1) > 0.05,
    unscaled = heard?.unscaled ?? 0;
  const told = lost
    ? html`<b>${shown(1 - coverage, "ratio")} of the flows of ${device.name} are lost</b> on the way: totals are too low by about as much.`
    : found
      ? html`<b>${capital(found.sentence)}.</b> To mend it: ${found.advice}.`
      : off
        ? html`<b>These totals are ${shown(Math.abs(ratio - 1), "ratio")} ${ratio > 1 ? "above" : "below"} the interface counters.</b> Check the sampling, and which interfaces send flows.`
        : ratio !== null
          ? html`<b>These totals agree with the interface counters to ${Math.max(1, Math.round(Math.abs(ratio - 1) * 100))} %.</b>`
          : html`<b>Every flow that ${device.name} sent was received.</b> No interface counter is measured to compare with.`;
  return html`<${Note} kind=${lost || off || found || unscaled ? "warn" : "ok"} actions=${html`<span class="row small">
    ${coverage !== null && html`<span class="tag" data-s=${lost ? "warn" : "ok"}>coverage ${written(coverage, "ratio")}</span>`}
    ${ratio !== null && html`<span class="tag" data-s=${off || found ? "warn" : "ok"}>flows / counters ${ratio.toFixed(2)}</span>`}
    ${heard && html`<span class="tag" data-s=${unscaled ? "warn" : undefined}>${unscaled} unscaled</span>`}
    <a href=${`/why/netflow.coverage.entity.${device.id}`}>How?</a></span>`}>${coverage === null && ratio === null && !found ? "Nothing is known yet of what was lost on the way." : told}${" "}
    ${verdict && !found ? html`<span class="muted">${capital(verdict.sentence)}.</span>` : heard && `${FORMATS[heard.format] ?? heard.format}, ${count(heard.flows, "flow")} in ${count(heard.datagrams, "datagram")}.`}<//>`;
}

/** What the bot heard of an exporter, by its addresses. */
export function heardOf({ details }) {
  const own = [details?.ipv4, details?.ipv6].filter(Boolean);
  return (statuses.value ?? []).flatMap(({ status }) => status?.heard?.exporters ?? []).find(({ address }) => own.includes(address)) ?? null;
}

/** What the bot has to say of an exporter, once it looked at some minutes. */
export function verdictOf({ id }) {
  return (statuses.value ?? []).flatMap(({ status }) => status?.heard?.verdicts ?? []).find(({ entity }) => String(entity) === String(id)) ?? null;
}

const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** Bytes of flows per byte of the interface counters, over the interfaces that have both; null where too little is known. */
function useRatio(device, index, direction, { from, to }) {
  const ratio = useSignal(null);
  const turn = `${device.id}|${index}|${direction}|${(to - from).toFixed(0)}|${Math.floor(now.value / REREAD_S)}`;
  useEffect(() => {
    compare(device, index, direction, from, to).then(
      (found) => (ratio.value = found),
      () => (ratio.value = null),
    );
  }, [turn]);
  return ratio.value;
}

async function compare(device, index, direction, from, to) {
  const prefix = `netflow.1min.${direction}.entity.${device.id}.if.`;
  const role = direction === "ingress" ? "traffic-in" : "traffic-out";
  const filters = [`${prefix}?`, `entity.${device.id}.*`];
  const found = await matching(filters);
  const counters = new Map(
    found
      .get(filters[1])
      .list.filter((path) => outputOf(path)?.role === role)
      .map((path) => [outputOf(path).at.index, path]),
  );
  const both = found
    .get(filters[0])
    .list.map((path) => [path, counters.get(path.slice(prefix.length))])
    .filter(([path, counter]) => counter && (index === null || path === `${prefix}${index}`));
  const series = await read(both.flat(), Math.max(from, to - 6 * 3_600), to);
  const sum = (points, by = 1) => points.reduce((all, { v, n = 1 }) => all + v * n * by, 0);
  const minutes = (points) => points.reduce((all, { n = 1 }) => all + n, 0);
  const known = both.map((pair) => pair.map((path) => series.get(path)?.points ?? []));
  if (known.every(([flows]) => minutes(flows) < LEAST_MINUTES)) return null;
  // Rates are bytes a second; each minute of flows is compared with the mean rate of the same range.
  const expected = known.reduce((all, [flows, rates]) => all + (rates.length ? (sum(rates) / minutes(rates)) * 60 * minutes(flows) : 0), 0);
  const counted = known.reduce((all, [flows, rates]) => all + (rates.length ? sum(flows) : 0), 0);
  return expected > 0 ? counted / expected : null;
}
