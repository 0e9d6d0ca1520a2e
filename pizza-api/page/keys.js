import { ask } from "./api.js";
import { action, decide } from "./decisions.js";
import { arrange, byId, make, setText } from "./dom.js";
import { duration, number } from "./words.js";

const AGAIN_MS = 5_000;

const items = new Map();

/** The names of what waits, as of the last answer. */
let known = new Set();
let timer = 0;

/** Shows what waits, again and again while somebody looks. */
export function startKeys() {
  byId("token-form").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
  refresh();
}

async function refresh() {
  clearTimeout(timer);
  try {
    show(await ask("/keys"));
    setText(byId("keys-error"), "");
  } catch (problem) {
    setText(byId("keys-error"), problem.message);
  }
  if (!document.hidden) timer = setTimeout(refresh, AGAIN_MS);
}

const nameOf = ({ stage, first }) => `${stage} ${first}`;

function show({ keys, count, unknown }) {
  const more = count > keys.length ? ` These are the first ${number(keys.length)}.` : "";
  const many = count === 1 ? "1 key waits." : `${number(count)} keys wait.`;
  const others = unknown.map(({ stage, why }) => ` Of ${stage} it is not known: ${why}.`).join("");
  setText(byId("keys-said"), (count === 0 ? "Nothing waits." : many + more) + others);
  const byName = new Map(keys.map((key) => [nameOf(key), key]));
  known = new Set(byName.keys());
  arrange(byId("keys"), items, [...byName.keys()], (name) => newKey(byName.get(name)));
  for (const [name, item] of items) if (byName.has(name)) item.update(byName.get(name));
}

function newKey(blocked) {
  const { stage, key, first } = blocked;
  const state = make("p", { className: "numbers" });
  const error = make("p", { className: "note" });
  const about = `key ${key} of ${stage}`;
  const button = (words, decision, done) =>
    action(words, about, () =>
      settle(`/stages/${encodeURIComponent(stage)}/keys/${encodeURIComponent(first)}/${decision}`, about, done),
    );
  const tried = () => (known.has(nameOf(blocked)) ? "was tried, and waits again" : "was tried");
  const buttons = make(
    "div",
    { className: "decisions" },
    button("Retry now", "retry-now", tried),
    button("Skip", "skip", () => "lost its first record to the dead letters"),
    button("Release", "release", ({ records }) => `lost ${number(records)} to the dead letters`),
  );
  const title = make("h3", {}, make("span", { className: "id", textContent: key }), ` at ${stage}`);
  const node = make("li", { className: "record" }, title, state, error, buttons);
  const update = (now) => {
    setText(state, `${stateOf(now)}, ${records(now.records)}, ${attempts(now.attempts)}`);
    setText(error, now.error ?? "");
  };
  return { node, update };
}

async function settle(path, about, done) {
  try {
    const answer = await decide(path);
    // The button may go with its key: what came of it is the place to be then.
    byId("keys-done").focus();
    await refresh();
    setText(byId("keys-done"), `The ${about} ${whatCameOf(answer, done)}.`);
  } catch (problem) {
    await refresh();
    setText(byId("keys-done"), "");
    setText(byId("keys-error"), problem.message);
  }
}

function whatCameOf(answer, done) {
  if (!answer.done) return "waits for its stage, which does it as soon as it runs";
  return answer.records === 0 ? "had nothing left that it concerned" : done(answer);
}

function stateOf({ held, due }) {
  if (held) return "held until somebody decides";
  const left = due === null ? 0 : due - Date.now();
  return left > 0 ? `tried again in ${duration(left)}` : "due";
}

const records = (count) => (count === 1 ? "1 record" : `${number(count)} records`);

const attempts = (count) => (count === 1 ? "1 attempt" : `${number(count)} attempts`);
