// Questions to raw flows where they are kept beside the hub: an answer comes as lines, first how far it is.

import { get, lines } from "../api.js";
import { minute, ours, shared } from "../state.js";
import { useEffect, useSignal } from "../ui.js";

/** What is kept: `{from, bytes, files}`; null where nothing is, undefined until that is known. */
export function useKept(account) {
  const kept = useSignal(undefined);
  useEffect(() => {
    if (shared.value) return void (kept.value = null);
    get(ours("raw-flows")).then(
      (found) => (kept.value = found.kept),
      () => (kept.value = null),
    );
  }, [account]);
  return kept.value;
}

/** Asks: resolves to the answer; `told` hears how far it is, `stop` is an AbortSignal. */
export async function ask({ filter, by, from, to, top, entity }, told = () => {}, stop) {
  const asked = { filter, by: by.join(","), from: from.toFixed(0), to: to.toFixed(0), top, ...(entity && { entity }) };
  let answer = null;
  await lines(ours(`raw-flows/query?${new URLSearchParams(asked)}`), stop, (line) => {
    if (line.error) throw new Error(line.error);
    if (line.answer) answer = line.answer;
    else told(line.done);
  });
  if (answer === null) throw new Error("the hub broke off");
  return answer;
}

/** The answer to a question that goes with a view: null until it is there, `{error}` where there is none; of a live range asked anew each minute. */
export function useAnswer(question, key, live) {
  const turn = live ? minute.value : 0;
  const state = useSignal({ answer: null, of: "" });
  useEffect(() => {
    if (!question || (document.hidden && state.value.answer)) return undefined;
    const stop = new AbortController();
    ask(question, undefined, stop.signal).then(
      (answer) => (state.value = { answer, of: key }),
      (error) => stop.signal.aborted || (state.value = { answer: { error: error.message, groups: [] }, of: key }),
    );
    return () => stop.abort();
  }, [key, turn, Boolean(question)]);
  return state.value.of === key ? state.value.answer : null;
}

/** A question as people type it: `port 443 by src,dst` is a filter, and by what it is added up. */
export function parsed(text) {
  const at = text.toLowerCase().lastIndexOf(" by ");
  const alone = /^by /i.test(text.trim());
  if (alone) return { filter: "", by: words(text.trim().slice(3)) };
  return at < 0 ? { filter: text.trim(), by: [] } : { filter: text.slice(0, at).trim(), by: words(text.slice(at + 4)) };
}
const words = (text) => text.split(/[\s,]+/).filter(Boolean);
