import { byId, make, setText } from "./dom.js";
import { number } from "./words.js";

const MOST_ROWS = 100;

const table = byId("order-table");
const rows = byId("pizza-rows");
const rest = byId("pizza-more");

let columns = [];

/** Shows the first pizzas of an order that has `count`, and how many more are finished. */
export function showPizzas(found, count) {
  const shown = found.slice(0, MOST_ROWS);
  table.hidden = shown.length === 0;
  drawColumns(shown);
  shown.forEach((pizza, index) => updateRow(rows.children[index] ?? newRow(index), pizza));
  const more = found.length - shown.length;
  const soFar = found.length < count ? " finished so far" : "";
  setText(rest, more > 0 ? `And ${number(more)} more${soFar}.` : "");
}

export function clearPizzas() {
  table.hidden = true;
  rows.replaceChildren();
  setText(rest, "");
}

function drawColumns(shown) {
  const names = new Set(shown.flatMap((pizza) => Object.keys(pizza)));
  names.delete("order_id");
  if ([...names].join() === columns.join()) return;
  columns = [...names];
  byId("pizza-head").replaceChildren(
    ...["#", ...columns].map((text) => make("th", { scope: "col", textContent: text })),
  );
  rows.replaceChildren();
}

function newRow(index) {
  const row = make(
    "tr",
    {},
    make("th", { scope: "row", textContent: number(index + 1) }),
    ...columns.map(() => make("td")),
  );
  rows.append(row);
  return row;
}

function updateRow(row, pizza) {
  columns.forEach((name, index) => setText(row.children[index + 1], String(pizza[name] ?? "")));
}
