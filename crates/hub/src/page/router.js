// The address is the state of what is seen: a path and a query, pushed on a click, replaced while typing or dragging.

import { computed, signal } from "./ui.js";

const here = () => ({ path: location.pathname.replace(/\/+$/, "") || "/", query: new URLSearchParams(location.search) });
const place = signal(here());

export const path = computed(() => place.value.path);
export const query = computed(() => place.value.query);
/** Segments of the path, decoded. */
export const segments = computed(() => path.value.split("/").filter(Boolean).map(decodeSegment));

addEventListener("popstate", () => (place.value = here()));

/** Goes to another address; a view that is asked before it loses what was typed may hold it back. */
export function go(url, { replace = false } = {}) {
  if (guard && !guard()) return;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  const before = place.value.path;
  place.value = here();
  if (place.value.path !== before) scrollTo(0, 0);
}

/** Changes parts of the query; null or "" takes a part out, a list stands as often as it has members. */
export function setQuery(changes, { replace = true } = {}) {
  const next = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) if (one !== null && one !== undefined && one !== "") next.append(name, one);
  }
  const text = next.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("*", "*");
  history[replace ? "replaceState" : "pushState"](null, "", place.value.path + (text ? `?${text}` : ""));
  place.value = here();
}

let guard = null;
/** Asks `may()` before the view is left, until the function that is returned is called. */
export function holdBack(may) {
  guard = may;
  return () => {
    if (guard === may) guard = null;
  };
}
/** What was typed is saved: the view may be left. */
export const letGo = () => (guard = null);
addEventListener("beforeunload", (event) => {
  if (guard?.({ quiet: true }) === false) event.preventDefault();
});

// Links inside the page change the view without loading the page again.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.origin !== location.origin || link.hasAttribute("download") || link.dataset.outside !== undefined) return;
  if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
  event.preventDefault();
  go(link.pathname + link.search);
});

function decodeSegment(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
