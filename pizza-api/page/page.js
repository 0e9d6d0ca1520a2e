import { ask } from "./api.js";
import { drawChain, updateChain } from "./chain.js";
import { allowDecisions } from "./decisions.js";
import { byId, setData, setText } from "./dom.js";
import { startKeys } from "./keys.js";
import { offerStages, startLetters } from "./letters.js";
import { linesOf, stepsOf } from "./lines.js";
import { closeOrder, drawOrderStages, openOrder, startOrder } from "./order.js";
import { drawOrders, updateOrders } from "./orders.js";
import { limitCount, noticeOwn, startPlacing } from "./place.js";
import { offerTopics, openTopic, showRecords, startRecords } from "./records.js";
import { follow } from "./stream.js";
import { orderLink, time } from "./words.js";

const AGAIN_MS = 2_000;

/** The chain that the page shows, as text. */
let drawn = "";
let chainTimer = 0;
let snapshot = null;
let contact = "waiting";

function showContact() {
  const trouble = contact === "live" ? snapshot?.trouble : null;
  const since = contact === "reconnecting" && snapshot ? `; this is from ${time(snapshot.at)}` : "";
  setData(byId("contact"), "state", trouble ? "trouble" : contact);
  setText(byId("contact"), trouble ?? contact + since);
}

function onContact(now) {
  contact = now;
  showContact();
  // Whoever answers after a break may have another chain.
  if (now === "live") readChain();
}

async function readChain() {
  clearTimeout(chainTimer);
  try {
    const chain = await ask("/chain");
    if (JSON.stringify(chain) !== drawn) draw(chain);
  } catch (problem) {
    if (drawn === "") setText(byId("chain-said"), problem.message);
    chainTimer = setTimeout(readChain, AGAIN_MS);
  }
}

function draw(chain) {
  drawn = JSON.stringify(chain);
  const lines = linesOf(chain);
  drawChain(chain, lines);
  drawOrders(stepsOf(lines));
  drawOrderStages(stepsOf(lines));
  limitCount(chain.max_count);
  offerTopics(chain.topics);
  offerStages(chain.stages);
  allowDecisions(chain.decisions);
  if (snapshot) onSnapshot(snapshot);
}

function onSnapshot(now) {
  snapshot = now;
  showContact();
  if (drawn === "") return;
  updateChain(now);
  updateOrders(now.orders);
  noticeOwn(now.orders);
}

function route() {
  const place = new URLSearchParams(location.hash.slice(1));
  if (place.has("order")) {
    openOrder(place.get("order"));
    return;
  }
  closeOrder();
  if (!place.has("topic")) return;
  openTopic(place.get("topic"));
  showRecords();
}

function forgetOrder() {
  if (!location.hash.startsWith("#order=")) return;
  history.pushState(null, "", location.pathname + location.search);
}

function findOrder(event) {
  event.preventDefault();
  const id = byId("find-id").value.trim();
  if (id !== "") location.hash = orderLink(id);
}

// A link to where one is already changes no hash, and is to lead there all the same.
function routeAgain(event) {
  const link = event.target.closest("a[href^='#']");
  if (link && link.hash === location.hash) route();
}

startPlacing();
startOrder(forgetOrder);
startRecords();
startKeys();
startLetters();
byId("find").addEventListener("submit", findOrder);
window.addEventListener("hashchange", route);
document.addEventListener("click", routeAgain);
route();
follow("/events", "shop", onSnapshot, onContact);
