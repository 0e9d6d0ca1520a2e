import { ask } from "./api.js";
import { arrange, byId, make, setText } from "./dom.js";
import { iso, moment, number, pretty, time } from "./words.js";

const AUTO_MS = 2_000;
const LIMIT = 20;

const chosen = byId("topic");
const auto = byId("auto");
const items = new Map();
let timer = 0;
let wanted = "";

export function startRecords() {
  byId("records-form").addEventListener("submit", (event) => {
    event.preventDefault();
    refresh();
  });
  chosen.addEventListener("change", () => openTopic(chosen.value));
  auto.addEventListener("change", () => (auto.checked ? refresh() : clearTimeout(timer)));
}

export function offerTopics(topics) {
  const names = topics.map(({ name }) => name);
  const offered = [...chosen.options].slice(1);
  if (offered.map(({ value }) => value).join() === names.join()) return;
  offered.forEach((option) => option.remove());
  chosen.append(...names.map((name) => make("option", { value: name, textContent: name })));
  openTopic(wanted);
}

export function openTopic(name) {
  wanted = name;
  chosen.value = name;
  if (chosen.selectedIndex < 0) chosen.value = "";
  refresh();
}

export function showRecords() {
  byId("records-title").scrollIntoView({ block: "start" });
  byId("records-title").focus({ preventScroll: true });
}

async function refresh() {
  clearTimeout(timer);
  const topic = chosen.value;
  if (topic === "") return showNone();
  try {
    const { records } = await ask(`/topics/${encodeURIComponent(topic)}/records?limit=${LIMIT}`);
    if (topic === chosen.value) show(topic, records);
  } catch (problem) {
    if (topic === chosen.value) setText(byId("records-error"), problem.message);
  }
  if (topic === chosen.value) plan();
}

function plan() {
  clearTimeout(timer);
  if (auto.checked) timer = setTimeout(() => (document.hidden ? plan() : refresh()), AUTO_MS);
}

function showNone() {
  setText(byId("records-error"), "");
  setText(byId("records-said"), "Choose a topic to see its newest records.");
  arrange(byId("records"), items, [], newRecord);
}

function show(topic, records) {
  setText(byId("records-error"), "");
  const many = records.length === 1 ? "The newest record" : `The ${number(records.length)} newest records`;
  setText(
    byId("records-said"),
    records.length === 0 ? `No record is in ${topic}.` : `${many}, as of ${time(Date.now())}`,
  );
  const byPlace = new Map(records.map((record) => [`${topic} ${record.partition} ${record.offset}`, record]));
  arrange(byId("records"), items, [...byPlace.keys()], (key) => newRecord(byPlace.get(key)));
}

function newRecord(record) {
  const place = `partition ${record.partition}, offset ${record.offset}`;
  const when = make("time", { dateTime: iso(record.timestamp), textContent: moment(record.timestamp) });
  const node = make("li", { className: "record" }, make("h3", {}, place), when);
  node.append(part("key", textOf(record.key)), part("value", textOf(record.value)));
  if (record.cut)
    node.append(make("p", { className: "note", textContent: "Cut: the record is longer than this." }));
  if (record.headers.length > 0) node.append(headersOf(record.headers));
  return { node };
}

function part(name, content) {
  return make("div", { className: `part ${name}` }, make("h4", { textContent: name }), content);
}

function textOf(text) {
  return text === null
    ? make("p", { className: "none", textContent: "none" })
    : make("pre", { textContent: pretty(text) });
}

function headersOf(headers) {
  const pairs = headers.map(({ name, value }) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value ?? "none" })),
  );
  return part("headers", make("dl", {}, ...pairs));
}
