import { ask } from "./api.js";
import { action, decide } from "./decisions.js";
import { byId, make, setText } from "./dom.js";
import { iso, moment, number, pretty } from "./words.js";

const chosen = byId("letters-stage");

/** What is shown now: of this stage, with this reason. */
let shown = null;

export function startLetters() {
  byId("letters-form").addEventListener("submit", (event) => {
    event.preventDefault();
    look();
  });
  chosen.addEventListener("change", look);
}

export function offerStages(stages) {
  const names = stages.filter((stage) => !stage.external).map(({ name }) => name);
  const before = chosen.value;
  chosen.replaceChildren(chosen.options[0], ...names.map((name) => make("option", { value: name, textContent: name })));
  chosen.value = names.includes(before) ? before : "";
}

async function look() {
  setText(byId("letters-done"), "");
  await show();
}

async function show() {
  const stage = chosen.value;
  const reason = byId("letters-reason").value.trim();
  if (stage === "") return clear("Choose a stage to see what it could not handle.");
  setText(byId("letters-error"), "");
  try {
    const pile = await ask(`/stages/${encodeURIComponent(stage)}/dead-letters${query({ reason })}`);
    if (stage === chosen.value) draw(stage, reason, pile);
  } catch (problem) {
    clear("");
    setText(byId("letters-error"), problem.message);
  }
}

function clear(words) {
  shown = null;
  setText(byId("letters-said"), words);
  byId("letters").replaceChildren();
  byId("letters-all").replaceChildren();
}

function draw(stage, reason, { topic, letters, count }) {
  clear(count === 0 ? `No open dead letter is in ${topic}.` : said(count, letters.length, topic));
  shown = { stage, reason };
  byId("letters").append(...letters.map(newLetter));
  const about = `the dead letters of ${stage}`;
  const all = reason === "" ? "Replay all" : "Replay all of these";
  if (count > 0) byId("letters-all").append(action(`${all} ${number(count)}`, about, () => replay({ reason })));
}

function said(count, visible, topic) {
  const newest = count > visible ? `, the newest ${number(visible)} of them here` : "";
  return `${number(count)} open in ${topic}${newest}.`;
}

function newLetter(letter) {
  const title = make("h3", {}, letter.from ?? `partition ${letter.partition}, offset ${letter.offset}`);
  const when = make("time", { dateTime: iso(letter.died), textContent: moment(letter.died) });
  const cause = [letter.reason, letter.message].filter(Boolean).join(": ");
  const node = make("li", { className: "record" }, title, when, make("p", { className: "note", textContent: cause }));
  if (letter.replays > 0) node.append(make("p", { className: "numbers", textContent: `Replayed before: ${number(letter.replays)}.` }));
  node.append(part("key", letter.key), part("value", letter.value));
  if (letter.cut) node.append(make("p", { className: "note", textContent: "Cut: the value is longer than this." }));
  const at = `${letter.partition}:${letter.offset}`;
  const button = action("Replay", title.textContent, () => replay({ at }));
  node.append(make("div", { className: "decisions" }, button));
  return node;
}

function part(name, text) {
  const content =
    text === null ? make("p", { className: "none", textContent: "none" }) : make("pre", { textContent: pretty(text) });
  return make("div", { className: `part ${name}` }, make("h4", { textContent: name }), content);
}

async function replay(which) {
  const { stage } = shown;
  try {
    const { replayed, left } = await decide(
      `/stages/${encodeURIComponent(stage)}/dead-letters/replay${query(which)}`,
    );
    const stays = left.map(({ why, count }) => ` Left ${number(count)}: ${why}.`).join("");
    setText(byId("letters-done"), `Replayed ${number(replayed)}.${stays}`);
    await show();
  } catch (problem) {
    setText(byId("letters-done"), "");
    setText(byId("letters-error"), problem.message);
  }
}

function query(fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== "");
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
