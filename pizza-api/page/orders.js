import { arrange, bar, byId, make, setBar, setData, setText } from "./dom.js";
import { number, orderLink, pizzas, shortId } from "./words.js";

const rows = new Map();
const own = new Set();
let steps = [];

export function drawOrders(newSteps) {
  steps = newSteps;
  rows.clear();
  byId("orders-rows").replaceChildren();
  byId("orders-head").replaceChildren(...["Order", ...steps.map((stage) => stage.name), "State"].map(head));
}

/** Orders of whoever looks at this page are marked as theirs. */
export function markOwn(id) {
  own.add(id);
  rows.get(id)?.name.append(ownTag());
}

export function updateOrders(orders) {
  const byOrder = new Map(orders.map((order) => [order.id, order]));
  arrange(byId("orders-rows"), rows, [...byOrder.keys()], newRow);
  for (const [id, row] of rows) {
    if (byOrder.has(id)) updateRow(row, byOrder.get(id));
  }
  byId("orders").hidden = rows.size === 0;
  byId("orders-empty").hidden = rows.size > 0;
  setText(
    byId("orders-empty"),
    "Nothing has been ordered yet. Order some pizzas, and watch them walk through the stages here.",
  );
}

/** How many pizzas of an order are through a stage; null where that is not known. */
export function doneAt(stage, order) {
  return order.complete ? order.count : (order.reached[stage.output] ?? null);
}

export function shareOf(done, count) {
  return done === null || count === 0 ? 0 : Math.min(1, done / count);
}

function head(text) {
  const cell = make("th", { scope: "col", textContent: text });
  cell.setAttribute("role", "columnheader");
  return cell;
}

function newRow(id) {
  const link = make("a", { href: orderLink(id), title: id, className: "id", textContent: shortId(id) });
  const size = make("span", { className: "size" });
  const name = cell("th", "rowheader", "order-name", link, size);
  name.scope = "row";
  if (own.has(id)) name.append(ownTag());
  const cells = steps.map((stage) => newStep(stage));
  const state = cell("td", "cell", "state");
  const node = make("tr", {}, name, ...cells.map((step) => step.node), state);
  node.setAttribute("role", "row");
  return { node, name, size, cells, state };
}

const ownTag = () => make("span", { className: "tag", textContent: "yours" });

function newStep(stage) {
  const text = make("span", { className: "done" });
  const shown = bar();
  const node = cell("td", "cell", "step", text, shown);
  node.dataset.label = stage.name;
  return { node, text, shown, stage };
}

function cell(tag, role, className, ...children) {
  const node = make(tag, { className }, ...children);
  node.setAttribute("role", role);
  return node;
}

function updateRow({ node, size, cells, state }, order) {
  setText(size, pizzas(order.count));
  for (const { text, shown, stage } of cells) {
    const done = doneAt(stage, order);
    setText(text, done === null ? "–" : `${number(done)}/${number(order.count)}`);
    setBar(shown, shareOf(done, order.count));
  }
  setText(state, order.complete ? "complete" : "on its way");
  setData(node, "complete", String(order.complete));
}
