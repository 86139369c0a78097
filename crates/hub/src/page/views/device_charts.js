// Charts of all that a device has, one card a kind of output.

import { html } from "../ui.js";
import { count, inOrder } from "../numbers.js";
import { Empty } from "../icons.js";
import { ChartCard, drawable } from "../parts/chart.js";
import { label, outputOf } from "../parts/outputs.js";
import { useSeries } from "../parts/series.js";

const MOST_CARDS = 12;
const MOST_IN_CARD = 10;

/** Series in groups that can share a chart: of one declared output, or of one path but for its last segment. */
export function groups(paths) {
  const found = Map.groupBy(paths, (path) => outputOf(path)?.path ?? path.replace(/\.[^.]*$/, ""));
  return [...found]
    .map(([key, list]) => ({
      key,
      title: outputOf(list[0])?.title ?? label(key),
      paths: list.sort(inOrder),
    }))
    .sort((a, b) => a.title.localeCompare(b.title));
}

export function Charts({ values, at }) {
  const all = groups(values.map(({ p }) => p));
  const cards = all.slice(0, MOST_CARDS);
  const { found, error } = useSeries(
    cards.flatMap(({ paths }) => paths.slice(0, MOST_IN_CARD)),
    at,
  );
  if (values.length === 0)
    return html`<section class="card">
    <${Empty} sign="explore" title="No values yet">Charts appear as soon as a bot has measured.<//></section>`;
  if (!found) return error ? html`<p class="bad" role="alert">${error}</p>` : html`<div class="ghosts"><i></i><i></i><i></i></div>`;
  return html`${cards.map(
    ({
      key,
      title,
      paths,
    }) => html`<${ChartCard} key=${key} title=${title} sub=${paths.length > MOST_IN_CARD ? `${MOST_IN_CARD} of ${paths.length} shown` : ""}
      series=${drawable(paths.slice(0, MOST_IN_CARD), found)} from=${at.from} to=${at.to} sync="device" actions=${html`<a class="btn small quiet" 
        href=${`/explore?${paths
        .slice(0, MOST_IN_CARD)
        .map((path) => `p=${path}`)
        .join("&")}`}>Open in Explore</a>`} />`,
  )}
    ${
      all.length > MOST_CARDS &&
      html`<p class="muted">
      ${count(all.length - MOST_CARDS, "more kind")} of series: <a 
        href=${`/explore?p=entity.${values[0].p.split(".")[1]}.*`}>look at all in Explore</a>.</p>`
    }`;
}
