// A table of many rows: only those on the screen are drawn; heads sort, the keyboard moves.

import { inOrder } from "../numbers.js";
import { query, setQuery } from "../router.js";
import { html, useEffect, useRef, useSignal } from "../ui.js";

const ROW_PX = 34;
/** Rows beyond the screen that are drawn too, so that scrolling shows no white. */
const SPARE = 20;

/** The column and direction of the address: `?sort=-rtt`. */
export function sorted(rows, columns, usual) {
  const text = query.value.get("sort") ?? usual;
  const [name, sign] = text.startsWith("-") ? [text.slice(1), -1] : [text, 1];
  const column = columns.find((one) => one.name === name && one.by);
  if (!column) return { rows, name: "", sign: 1 };
  const keyed = rows.map((row) => [column.by(row), row]);
  keyed.sort(([a], [b]) => {
    if (a === null || a === undefined || b === null || b === undefined)
      return (a ?? null) === (b ?? null) ? 0 : (a ?? null) === null ? 1 : -1;
    return sign * (typeof a === "string" ? inOrder(a, b) : a - b);
  });
  return { rows: keyed.map(([, row]) => row), name, sign };
}

/**
 * `columns`: `[{name, title, head, by(row), cell(row), className, headClass, at}]`; `by` makes a column sortable. `open(row)` gives the
 * address behind a row, `rowProps(row)` more attributes, `onVisible(rows)` hears of those on the screen, and again when `turn` is another.
 */
export function Table({ columns, rows, usual = "", keyOf, open, rowProps = () => ({}), onVisible, turn = 0, className = "t cards", label }) {
  const view = useSignal([0, 60]);
  const body = useRef(null);
  const { rows: inOrder, name, sign } = sorted(rows, columns, usual);
  const look = () => {
    const top = body.current?.getBoundingClientRect().top ?? 0;
    const first = Math.max(0, Math.floor(-top / ROW_PX) - SPARE);
    const last = Math.ceil((innerHeight - top) / ROW_PX) + SPARE;
    if (first !== view.value[0] || last !== view.value[1]) view.value = [first, last];
  };
  useEffect(() => {
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, []);
  const [first, last] = [Math.min(view.value[0], Math.max(0, inOrder.length - 1)), Math.min(view.value[1], inOrder.length)];
  const visible = inOrder.slice(first, last);
  useEffect(() => onVisible?.(visible), [visible.map(keyOf).join(), turn]);
  const head = (column) => {
    const current = column.name === name;
    const next = current && sign === 1 ? `-${column.name}` : column.name;
    const text = html`${column.head}${current && (sign === 1 ? " ↑" : " ↓")}`;
    return html`<th class=${column.headClass ?? column.className} title=${column.title} 
      aria-sort=${current ? (sign === 1 ? "ascending" : "descending") : undefined}>
      ${column.by ? html`<button type="button" onClick=${() => setQuery({ sort: next }, { replace: false })}>${text}</button>` : text}</th>`;
  };
  return html`<div class="scroll"><table class=${className} aria-rowcount=${inOrder.length + 1} aria-label=${label} onKeyDown=${move}>
    <thead><tr aria-rowindex="1">${columns.map(head)}</tr></thead>
    <tbody ref=${body}>
      ${first > 0 && html`<tr class="spacer" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${first * ROW_PX}px` }}></td></tr>`}
      ${visible.map(
        (row, i) => html`<tr key=${keyOf(row)} aria-rowindex=${first + i + 2} ...${rowProps(row)}>
        ${columns.map((column) => html`<td class=${column.className} data-at=${column.at}>${cellOf(column, row, open)}</td>`)}</tr>`,
      )}
      ${
        last < inOrder.length &&
        html`<tr class="spacer" aria-hidden="true">
        <td colspan=${columns.length} style=${{ height: `${(inOrder.length - last) * ROW_PX}px` }}></td></tr>`
      }
    </tbody></table></div>`;
}

const cellOf = (column, row, open) =>
  column.opens && open
    ? html`<a class="name" href=${open(row)}>${column.cell(row)}
  </a>${column.more?.(row)}`
    : html`${column.cell(row)}${column.more?.(row)}`;

// j and k, or the arrows, go from row to row.
function move(event) {
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (!step || event.target.matches("input, select")) return;
  const links = [...event.currentTarget.querySelectorAll("tbody a.name")];
  const next = links[links.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
