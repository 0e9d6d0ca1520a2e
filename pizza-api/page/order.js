import { ask } from "./api.js";
import { bar, byId, make, setBar, setText } from "./dom.js";
import { doneAt, shareOf } from "./orders.js";
import { clearPizzas, showPizzas } from "./pizzas.js";
import { follow } from "./stream.js";
import { number, pizzas } from "./words.js";

const LOOK_MS = 1_000;

const dialog = byId("order");

let stages = [];
let visit = null;

export function startOrder(onClosed) {
  byId("order-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    leave();
    onClosed();
  });
}

export function drawOrderStages(steps) {
  stages = steps.map((stage) => {
    const done = make("span", { className: "done" });
    const shown = bar();
    return {
      stage,
      done,
      shown,
      node: make("li", {}, make("span", { textContent: stage.name }), done, shown),
    };
  });
  byId("order-stages").replaceChildren(...stages.map(({ node }) => node));
  if (visit?.order) showProgress(visit.order);
}

export function openOrder(id) {
  if (visit?.id === id) return;
  leave();
  visit = { id, order: null, changed: false, loading: false, unfollow: null, timer: 0 };
  clear(id);
  if (!dialog.open) dialog.showModal();
  visit.timer = setInterval(look, LOOK_MS, visit);
  load(visit);
}

export function closeOrder() {
  if (dialog.open) dialog.close();
}

function leave() {
  if (!visit) return;
  stopFollowing(visit);
  visit = null;
}

function stopFollowing(left) {
  clearInterval(left.timer);
  left.unfollow?.();
}

// All pizzas come again with each look, so it looks at most once a second, and only after news.
function look(now) {
  if (now.changed && !now.loading && !document.hidden) load(now);
}

async function load(now) {
  now.changed = false;
  now.loading = true;
  try {
    const found = await ask(`/order/${encodeURIComponent(now.id)}`);
    if (now === visit) showFound(now, found);
  } catch (problem) {
    if (now === visit) showProblem(now, problem);
  }
  now.loading = false;
}

function showFound(now, { count, complete, pizzas: found }) {
  now.order = { count, complete, reached: now.order?.reached ?? {} };
  showProgress(now.order);
  showPizzas(found, count);
  setText(byId("order-progress"), complete ? "" : `${number(found.length)} of ${pizzas(count)} finished`);
  setText(byId("order-said"), complete ? `Complete: ${pizzas(count)}` : "");
  dialog.dataset.complete = String(complete);
  if (complete) stopFollowing(now);
  else now.unfollow ??= followOrder(now);
}

function followOrder(now) {
  const path = `/order/${encodeURIComponent(now.id)}/events`;
  // A break may hide that the order became complete meanwhile.
  const broken = () => (now.changed = true);
  return follow(path, "order", (order) => walked(now, order), broken);
}

function walked(now, order) {
  now.order = order;
  now.changed = true;
  showProgress(order);
  if (!order.complete) return;
  now.unfollow();
  look(now);
}

function showProblem(now, problem) {
  setText(byId("order-said"), problem.message);
  if (problem.mayPass) now.changed = true;
  else stopFollowing(now);
}

function showProgress(order) {
  byId("order-stages").hidden = false;
  for (const { stage, done, shown } of stages) {
    const passed = doneAt(stage, order);
    setText(done, passed === null ? "–" : `${number(passed)} of ${number(order.count)}`);
    setBar(shown, shareOf(passed, order.count));
  }
}

function clear(id) {
  setText(byId("order-id"), id);
  for (const part of ["order-progress", "order-said"]) setText(byId(part), "");
  dialog.dataset.complete = "false";
  byId("order-stages").hidden = true;
  clearPizzas();
  dialog.scrollTop = 0;
}
