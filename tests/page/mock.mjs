// Speaks the shop's contract with made-up orders, to try the page without a broker.
// node mock.mjs [PORT] [--show]    --show: outages and a stage without instances come and go
// POST /mock {"trouble":"…","meat":0,"lost":1,"cut":true,…} sets what happens.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const port = Number(process.argv[2] ?? 8795);
const show = process.argv.includes("--show");
const policy =
  "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
const types = {
  html: "text/html; charset=utf-8",
  css: "text/css",
  js: "text/javascript",
  svg: "image/svg+xml",
};
const stage = (name, input, output, more = {}) => ({
  name,
  input,
  output,
  outputs: {},
  group: `pizza.${name}`,
  sink: false,
  external: false,
  plug_in: false,
  ...more,
});

const world = { trouble: null, stopped: [], lost: 0, away: false, external: false, odd: false, pace: 1, decisions: "open", circuits: [], paused: [], restarts: {}, unknown: [], waiting: [], letters: [] };
const orders = new Map();
const keys = new Map();
const streams = new Set();
const posts = [];
const rates = new Map();
const totals = new Map();

function chain() {
  const stages = [
    stage("sauce", "pizza", "pizza-with-sauce"),
    stage(
      "cheese",
      "pizza-with-sauce",
      "pizza-with-cheese",
      world.external ? { outputs: { audit: "order-audit" } } : {},
    ),
    stage("meat", "pizza-with-cheese", "pizza-with-meats", { plug_in: world.external }),
    stage("veggie", "pizza-with-meats", "pizza-with-veggies"),
    ...(world.external ? [stage("oven", "pizza-with-veggies", "pizza-baked", { external: true })] : []),
    stage("view", world.external ? "pizza-baked" : "pizza-with-veggies", null, {
      sink: true,
      group: "pizza_shop",
    }),
    ...(world.external
      ? [stage("bookkeeping", "order-audit", null, { sink: true, external: true, group: "books" })]
      : []),
  ];
  const names = ["pizza", ...stages.map((one) => one.output).filter(Boolean)];
  if (world.external) names.push("order-audit", "pizza.sauce.dlq", "pizza-with-cheese.meat.dlq");
  return {
    name: "pizza",
    max_count: 1000,
    decisions: world.decisions,
    stages,
    topics: names.map((name) => ({ name, partitions: 4, source: name === "pizza" })),
  };
}

const steps = () => [
  "pizza",
  ...chain()
    .stages.map((one) => one.output)
    .filter(Boolean),
];
const lags = new Map();
let tick = 0;

function walk() {
  tick += 1;
  if (show) {
    const second = (tick / 5) % 60;
    world.trouble = second > 20 && second < 26 ? "the broker does not answer" : null;
    world.stopped = second > 34 && second < 50 ? ["meat"] : [];
    if (tick % 10 === 0 && orders.size < 400) order(1 + Math.floor(Math.random() * 12));
  }
  const path = steps();
  if (!world.trouble) {
    for (const one of orders.values()) {
      for (let at = path.length - 1; at > 0; at -= 1) {
        const reader = chain().stages.find((each) => each.output === path[at]);
        if (world.stopped.includes(reader.name)) continue;
        const free = (one.reached[path[at - 1]] ?? 0) - (one.reached[path[at]] ?? 0);
        one.reached[path[at]] =
          (one.reached[path[at]] ?? 0) + Math.min(free, Math.max(1, Math.ceil(one.count / 8)) * world.pace);
      }
      const done = one.reached[path.at(-1)];
      while (one.pizzas.length < done) one.pizzas.push(topped(one));
      one.complete = done === one.count;
    }
  }
  for (const name of path)
    rates.set(name, (rates.get(name) ?? 0) * 0.8 + (total(name) - (totals.get(name) ?? 0)) * 5 * 0.2);
  for (const name of path) totals.set(name, total(name));
  for (const each of chain().stages) {
    const stopped = world.stopped.includes(each.name);
    lags.set(
      each.name,
      stopped ? (lags.get(each.name) ?? 0) + 7 : Math.floor((lags.get(each.name) ?? 0) / 2),
    );
  }
  for (const stream of streams) stream();
}

const total = (name) => [...orders.values()].reduce((sum, one) => sum + (one.reached[name] ?? 0), 0);
const pick = (...from) => from[Math.floor(Math.random() * from.length)];
const topped = ({ id }) => ({
  order_id: id,
  sauce: pick("light", "regular", "extra"),
  cheese: pick("goat cheese", "three cheese", "none"),
  meats: world.odd ? "<img src=x onerror=alert(1)>" : pick("none", "pepperoni", "ham & pepperoni"),
  veggies: pick("peppers & tomato", "olives", "pineapple & mushrooms"),
});

function order(count) {
  const id = BigInt(`0x${randomBytes(16).toString("hex")}`).toString();
  orders.set(id, { id, count, complete: false, reached: { pizza: count }, pizzas: [] });
  return id;
}

// What stages of the shop's own process say of themselves; of a program beside it only its restarts are known.
function here(name) {
  const unknown = { in_flight: null, circuit_open: null, paused: null, restarts: null };
  if (name === "view") return unknown;
  const restarts = world.restarts[name] ?? 0;
  if (name === "oven") return { ...unknown, restarts };
  const [circuit_open, paused] = [world.circuits.includes(name), world.paused.includes(name)];
  return { in_flight: circuit_open || paused ? 0 : 1, circuit_open, paused, restarts };
}

function snapshot() {
  const newest = [...orders.values()].reverse().slice(0, 50);
  return {
    at: Date.now(),
    trouble: world.trouble,
    stages: chain().stages.map(({ name }) => ({
      name,
      lag: world.trouble ? null : lags.get(name),
      instances: world.trouble ? null : world.stopped.includes(name) ? 0 : 2,
      ...here(name),
    })),
    topics: chain().topics.map(({ name }, at) => ({
      name,
      records_per_second: world.trouble ? 0 : Number((rates.get(name) ?? 0).toFixed(1)),
      age_ms: rates.get(name) > 0.05 ? { p50: at * 6, p99: at * 31 } : null,
    })),
    orders: newest.map(({ pizzas, ...rest }) => rest),
  };
}

function records(topic, limit) {
  const all = [...orders.values()].flatMap((one) =>
    Array.from({ length: Math.min(one.reached[topic] ?? 0, 40) }, (_, at) => [one, at]),
  );
  return all
    .slice(-limit)
    .reverse()
    .map(([one, at], index) => ({
      partition: Number(BigInt(one.id) % 4n),
      offset: all.length - index,
      timestamp: 1795397000000 + all.length * 137 - index * 137,
      key: index === 3 ? null : `"${one.id}"`,
      value:
        index === 4
          ? null
          : world.odd
            ? "<script>alert(1)</script>"
            : JSON.stringify(
                one.pizzas[at] ?? { order_id: one.id, sauce: "", cheese: "", meats: "", veggies: "" },
              ),
      headers: [
        { name: "pizza-seq", value: String(at) },
        ...(index === 5 ? [{ name: "empty", value: null }] : []),
      ],
      cut: index === 6,
    }));
}

function stream(response, event, state, over = () => false) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const send = () => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(state())}\n\n`);
    if (over()) response.end();
  };
  streams.add(send);
  response.on("close", () => streams.delete(send));
  response.on("error", () => streams.delete(send));
  send();
}

function json(response, status, body, type = "application/json") {
  response.writeHead(status, { "content-type": type, "content-security-policy": policy });
  response.end(JSON.stringify(body));
}

const problem = (response, status, title, detail) =>
  json(response, status, { title, status, detail }, "application/problem+json");

function place(request, response, text) {
  const count = Number(text);
  const key = request.headers["idempotency-key"];
  posts.push({ count, key });
  if (!(count >= 1 && count <= 1000))
    return problem(
      response,
      400,
      "Not a number of pizzas",
      `count is ${text}; it must be a whole number from 1 to 1000`,
    );
  if (world.trouble)
    return problem(response, 503, "Away", `${world.trouble}; nothing was ordered, so try again shortly`);
  const id = (key && keys.get(key)) ?? order(count);
  keys.set(key, id);
  if (world.lost > 0) {
    world.lost -= 1;
    return response.destroy();
  }
  return json(response, 201, { order_id: id });
}

const odd = (text) => (world.odd ? `<img src=x onerror=alert(1)>${text}` : text);

/** A key that a stage holds, and its dead letters. */
const heldKey = (key, first, records) => ({
  stage: "meat",
  key: odd(key),
  first,
  records,
  held: records > 1,
  due: records > 1 ? null : Date.now() + 90_000,
  attempts: 8,
  first_failure: Date.now() - 600_000,
  error: odd("no pepperoni"),
});

function decide(request, response, url, stage, what) {
  if (request.method === "POST" && world.decisions === "token" && request.headers.authorization !== "Bearer secret")
    return problem(response, 401, "Token needed", "this needs the token");
  if (what === "keys") {
    const [, , , , first, decision] = url.pathname.split("/").map(decodeURIComponent);
    const key = world.waiting.find((one) => one.first === first);
    if (!key) return problem(response, 404, "Nothing waits", `record is ${first}; it does not wait, or no more`);
    const records = decision === "release" ? key.records : 1;
    world.waiting = world.waiting.filter((one) => one !== key);
    if (key.records > records) world.waiting.push(heldKey(key.key, `${first}1`, key.records - records));
    return json(response, 200, { done: true, records, waiting: key.records - records });
  }
  const at = url.searchParams.get("at");
  const reason = url.searchParams.get("reason") ?? "";
  const meant = world.letters.filter(
    (one) => (at === null || at === `${one.partition}:${one.offset}`) && one.message.includes(reason),
  );
  if (request.method === "POST") {
    world.letters = world.letters.filter((one) => !meant.includes(one));
    return json(response, 200, { replayed: meant.length, left: [] });
  }
  return json(response, 200, { topic: `pizza.${stage}.dlq`, letters: meant.slice(0, 50), count: meant.length });
}

const letter = (offset) => ({
  partition: 0,
  offset,
  died: 1795397000000 + offset * 1000,
  from: `pizza-with-cheese[0]@${offset}`,
  reason: "rejected",
  message: odd(offset % 2 ? "no cheese" : "no pepperoni"),
  attempts: 1,
  replays: offset % 3,
  key: offset === 2 ? null : odd('"4711"'),
  value: offset === 1 ? null : odd('{"order_id":"4711"}'),
  cut: offset === 3,
});

async function answer(request, response) {
  const url = new URL(request.url, "http://localhost");
  const [, first, second, third] = url.pathname.split("/").map(decodeURIComponent);
  if (first === "mock" && request.method === "POST") {
    let text = "";
    for await (const part of request) text += part;
    const { orders: many = 0, held = 0, dead = 0, clear, ...rest } = JSON.parse(text || "{}");
    if (clear) orders.clear();
    Object.assign(world, rest);
    world.waiting = Array.from({ length: held }, (_, at) => heldKey(`"${4711 + at}"`, `pizza-with-cheese-0-${at}`, at + 1));
    world.letters = Array.from({ length: dead }, (_, at) => letter(at));
    for (let at = 0; at < many; at += 1) order(5);
    json(response, 200, { posts });
    if (world.away) setTimeout(() => server.closeAllConnections(), 50);
    return undefined;
  }
  if (world.away) return response.destroy();
  if (first === "chain") return json(response, 200, chain());
  if (first === "events") return stream(response, "shop", snapshot);
  if (first === "orders") return json(response, 200, { orders: snapshot().orders });
  if (first === "topics")
    return json(response, 200, {
      topic: second,
      records: records(second, Number(url.searchParams.get("limit"))),
    });
  if (first === "order" && request.method === "POST") return place(request, response, second);
  if (first === "order") {
    const one = orders.get(second);
    if (!one) return problem(response, 404, "No such order", `there is no order ${second}`);
    const { pizzas, ...rest } = one;
    if (third !== "events")
      return json(response, 200, { id: one.id, count: one.count, pizzas, complete: one.complete });
    if (one.complete) return response.writeHead(204).end();
    return stream(
      response,
      "order",
      () => ({ ...rest, complete: one.complete, reached: one.reached }),
      () => one.complete,
    );
  }
  if (first === "keys") return json(response, 200, { keys: world.waiting, count: world.waiting.length, unknown: world.unknown });
  if (first === "stages") return decide(request, response, url, second, third);
  const name = first || "index.html";
  const type = types[name.split(".").pop()];
  if (!type) return problem(response, 404, "Not found", "there is no such page");
  const body = await readFile(new URL(name, import.meta.url));
  response.writeHead(200, {
    "content-type": type,
    "content-security-policy": policy,
    "cache-control": "no-cache",
  });
  return response.end(body);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => problem(response, 500, "Mock", String(error)));
});
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
setInterval(walk, 200);
