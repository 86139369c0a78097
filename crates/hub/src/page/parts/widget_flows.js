// Flows on a dashboard: the largest over time, or as a table.

import { lastValues, shared, watch } from "../state.js";
import { html, useEffect, useMemo } from "../ui.js";
import { shown, written } from "../numbers.js";
import { ChartCard } from "./chart.js";
import { BY, called, colourKeeper, ranked, useFlows } from "./flowdata.js";
import { degrades } from "./outputs.js";
import { lengthInWords } from "./range.js";

const MOST_ROWS = 5;
const KIND = { address: "topip", protocol: "topprotocol", port: "topdstports", pair: "topconn" };

/** What a widget of flows shows, as path filters: those that a link to it may read. */
export function flowPaths({ entity, direction, by, index }) {
  const prefix = `netflow.?.${direction}.entity.${entity}${index ? `.if.${index}` : ""}`;
  return [prefix, `${prefix}.${KIND[by]}.*`, `netflow.coverage.entity.${entity}`];
}

export function FlowWidget({ title, content, at }) {
  const { entity, direction = "ingress", by = "address", index = null, shown: as = "chart" } = content;
  const { found, error } = useFlows(entity, { index, direction, by, ...(as === "table" && { top: MOST_ROWS }) }, at);
  const colours = useMemo(colourKeeper, [entity, by]);
  const path = `netflow.coverage.entity.${entity}`;
  useEffect(() => (shared.value ? undefined : watch([path])), [path]);
  const coverage = lastValues.value?.get(path)?.v;
  if (error)
    return html`<section class="card"><header><h2>${title}</h2></header><p class="empty">${error}</p></section>`;
  const parts = found && ranked(found, by, { colours });
  if (as === "table")
    return html`<section class="card"><header class="ruled"><h2>${title}</h2><span class="muted">${lengthInWords(at)}</span></header><div class="scroll"><table class="t">
    <thead><tr><th>${BY[by].of[direction]}</th><th class="num">Bytes</th></tr></thead><tbody>${(parts?.rows ?? []).slice(0, MOST_ROWS).map(({ key, bytes }) => {
      const { name, more } = called(key, by);
      return html`<tr key=${key}><td class="who"><span class="name">${name}</span><span class="muted">${more}</span></td><td class="num">${shown(bytes, "B")}</td></tr>`;
    })}</tbody></table></div></section>`;
  return html`<${ChartCard} title=${title} sub=${coverage !== undefined ? `coverage ${written(coverage, "ratio")}` : ""} series=${parts?.series ?? []} from=${at.from} to=${at.to} 
    stacked legend=${false} height=${210} sync="board" empty=${found ? "No flows in this range." : "Reading …"} actions=${
      degrades("coverage", coverage ?? 1) && !shared.value && html`<a class="small" href=${`/why/${path}`}>why?</a>`
    } />`;
}
