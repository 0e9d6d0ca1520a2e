import { byId, make, setData, setText } from "./dom.js";
import { Lag } from "./lag.js";
import { otherTopics } from "./lines.js";
import { UNKNOWN, duration, known, rate, topicLink } from "./words.js";

let topicViews = [];
let stations = [];

export function drawChain(chain, lines) {
  topicViews = [];
  stations = [];
  byId("chain-said").hidden = true;
  byId("chain").replaceChildren(...lines.map((line) => make("ol", { className: "line" }, ...line.map(hop))));
  const others = otherTopics(chain, lines);
  byId("other-topics").hidden = others.length === 0;
  byId("other-topic-list").replaceChildren(...others.map((name) => make("li", {}, topicView(name, "topic"))));
}

export function updateChain(snapshot) {
  const topics = new Map(snapshot.topics.map((topic) => [topic.name, topic]));
  const stages = new Map(snapshot.stages.map((stage) => [stage.name, stage]));
  for (const view of topicViews) view.update(topics.get(view.name));
  for (const station of stations) station.update(stages.get(station.name), snapshot.at);
}

function hop({ topic, stage }) {
  const node = make("li", { className: "hop" }, topicView(topic, "topic edge"));
  if (stage) node.append(stationView(stage));
  return node;
}

function topicView(name, className) {
  const [flow, p50, p99] = Array.from({ length: 3 }, () => make("span"));
  const node = make("div", { className }, make("a", { href: topicLink(name), textContent: name }));
  const numbers = make("p", { className: "numbers" }, flow, " ", p50, " ", p99);
  node.append(make("span", { className: "rail", ariaHidden: "true" }), numbers);
  topicViews.push({ name, update: (topic) => updateTopic({ node, flow, p50, p99 }, topic) });
  return node;
}

function updateTopic({ node, flow, p50, p99 }, topic) {
  const age = topic?.age_ms;
  setText(flow, rate(topic?.records_per_second));
  setText(p50, age ? `p50 ${duration(age.p50)}` : "");
  setText(p99, age ? `p99 ${duration(age.p99)}` : "");
  setData(node, "flows", String((topic?.records_per_second ?? 0) > 0));
}

function stationView(stage) {
  const title = make("h3", { textContent: stage.name });
  if (stage.external) title.append(" ", make("span", { className: "tag", textContent: "external" }));
  if (stage.plug_in) title.append(" ", make("span", { className: "tag", textContent: "plug-in" }));
  if (stage.sink) title.append(" ", make("span", { className: "tag", textContent: "sink" }));
  const facts = new Facts("lag", "instances");
  const note = make("p", { className: "note" });
  const node = make("div", { className: "station", title: `group ${stage.group}` }, title, facts.node, note);
  node.classList.toggle("external", stage.external);
  const branches = Object.entries(stage.outputs);
  if (branches.length > 0) node.append(make("ul", { className: "branches" }, ...branches.map(branch)));
  const history = new Lag();
  const update = (state, at) => updateStation({ node, facts, note, history }, state, at);
  stations.push({ name: stage.name, update });
  return node;
}

/** Named numbers; those named at first are there always, the others once they are known. */
class Facts {
  #values = new Map();

  constructor(...names) {
    this.node = make("dl");
    for (const name of names) this.#add(name);
  }

  show(name, value) {
    if (value == null && !this.#values.has(name)) return;
    setText(this.#values.get(name) ?? this.#add(name), known(value));
  }

  #add(name) {
    const value = make("dd", { textContent: UNKNOWN });
    this.#values.set(name, value);
    this.node.append(make("div", {}, make("dt", { textContent: name }), value));
    return value;
  }
}

function branch([name, topic]) {
  return make(
    "li",
    {},
    make("span", { className: "branch-name", textContent: `${name} to` }),
    topicView(topic, "topic"),
  );
}

function updateStation({ node, facts, note, history }, state, at) {
  history.add(at, state?.lag ?? null);
  facts.show("lag", state?.lag);
  facts.show("instances", state?.instances);
  facts.show("in flight", state?.in_flight);
  facts.show("restarts", state?.restarts);
  const warning = warningOf(state, history.grows);
  const unknown = unknownOf(state);
  setText(note, warning || unknown);
  setData(node, "wants", warning ? "attention" : unknown ? "news" : "nothing");
}

function warningOf(state, grows) {
  if (state?.circuit_open) return "Circuit open: what it depends on is away.";
  const growing = grows ? "Lag is growing." : "";
  if (state?.paused) return `Paused by an operator. ${growing}`.trim();
  if (state?.instances !== 0) return growing;
  return `No instance runs. ${growing || (state.lag > 0 ? "Records wait." : "")}`.trim();
}

function unknownOf(state) {
  const unknown = ["lag", "instances"].filter((name) => state?.[name] == null);
  return unknown.length === 0 ? "" : `Not known: ${unknown.join(", ")}.`;
}
