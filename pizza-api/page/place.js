import { ask } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { markOwn } from "./orders.js";
import { number, orderLink, pizzas, shortId } from "./words.js";

const LOOK_MS = 2_000;
const LOST = "It may have taken the order. Order again: it is not taken twice.";

const field = byId("count");
const button = byId("place-button");
const error = byId("count-error");
const placed = byId("placed");

/** What was asked and not answered yet: its repeat has the same key, and so orders once. */
let attempt = null;
/** The last order that was placed here and is not complete yet. */
let waiting = null;
let busy = false;

export function startPlacing() {
  byId("place").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!busy) submit();
  });
}

export function limitCount(most) {
  field.max = most;
  setText(byId("count-hint"), `1 to ${number(most)} at a time`);
}

/** Says when the order that was placed here is complete. */
export function noticeOwn(orders) {
  if (!waiting) return;
  const order = orders.find(({ id }) => id === waiting.id);
  if (order?.complete) sayComplete(waiting);
  else if (!order) lookFor(waiting);
}

// Among many newer orders the snapshots no longer have it.
async function lookFor(order) {
  if (Date.now() - order.looked < LOOK_MS) return;
  order.looked = Date.now();
  const found = await ask(`/order/${encodeURIComponent(order.id)}`).catch(() => null);
  if (found?.complete && waiting === order) sayComplete(order);
}

async function submit() {
  const count = Number(field.value);
  if (!Number.isInteger(count) || count < 1 || count > Number(field.max)) {
    say(`Give a whole number from 1 to ${number(field.max)}.`);
    field.setAttribute("aria-invalid", "true");
    field.focus();
    return;
  }
  field.removeAttribute("aria-invalid");
  setBusy(true);
  try {
    const { order_id: id } = await place(count);
    say("");
    sayPlaced({ id, count, looked: Date.now() });
  } catch (problem) {
    say(problem.status === 0 ? `${problem.message} ${LOST}` : problem.message);
  }
  setBusy(false);
}

async function place(count) {
  if (attempt?.count !== count) attempt = { count, key: newKey() };
  try {
    const answer = await ask(`/order/${count}`, {
      method: "POST",
      headers: { "Idempotency-Key": attempt.key },
    });
    attempt = null;
    return answer;
  } catch (problem) {
    if (!problem.mayPass) attempt = null;
    throw problem;
  }
}

function newKey() {
  // randomUUID is missing where a page is neither on this host nor behind TLS.
  return crypto.randomUUID?.() ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
}

function setBusy(now) {
  busy = now;
  button.setAttribute("aria-disabled", String(now));
  setText(button, now ? "Ordering…" : "Order");
}

function say(text) {
  setText(error, text);
  if (text !== "") placed.replaceChildren();
}

function sayPlaced(order) {
  waiting = order;
  markOwn(order.id);
  placed.replaceChildren("Ordered ", pizzas(order.count), ". ", linkTo(order, "Follow order"));
}

function sayComplete(order) {
  waiting = null;
  placed.replaceChildren("Complete: ", pizzas(order.count), ". ", linkTo(order, "See order"));
}

function linkTo({ id }, words) {
  const short = make("span", { className: "id", textContent: shortId(id) });
  return make("a", { href: orderLink(id), title: id }, `${words} `, short);
}
