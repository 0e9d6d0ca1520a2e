// What needs no browser:   node --test logic.mjs
import assert from "node:assert/strict";
import { test } from "node:test";

import { fields, kind, operations } from "../described.js";
import { Lag } from "../lag.js";
import { linesOf, otherTopics, stepsOf } from "../lines.js";
import { duration, pretty, rate, shortId } from "../words.js";

const stage = (name, input, output, outputs = {}) => ({ name, input, output, outputs });
const topics = (...names) => names.map((name, at) => ({ name, source: at === 0 }));
const drawn = (chain) =>
  linesOf(chain).map((line) => line.map(({ topic, stage }) => `${topic}>${stage?.name ?? ""}`).join(" "));

test("a chain is one line, in whatever order its stages are told", () => {
  const stages = [stage("b", "t1", "t2"), stage("view", "t2", null), stage("a", "t0", "t1")];
  assert.deepEqual(drawn({ topics: topics("t0", "t1", "t2"), stages }), ["t0>a t1>b t2>view"]);
});

test("the longest way comes first, other readers and named outputs have lines of their own", () => {
  const stages = [
    stage("mail", "t1", null),
    stage("a", "t0", "t1", { audit: "log" }),
    stage("b", "t1", "t2"),
    stage("books", "log", null),
  ];
  const chain = { topics: topics("t0", "t1", "t2", "log", "t0.a.dlq"), stages };
  assert.deepEqual(drawn(chain), ["t0>a t1>b t2>", "log>books", "t1>mail"]);
  assert.deepEqual(otherTopics(chain, linesOf(chain)), ["t0.a.dlq"]);
  assert.deepEqual(
    stepsOf(linesOf(chain)).map(({ name }) => name),
    ["a", "b"],
  );
});

test("circles and topics that nobody reads end too", () => {
  const circle = [stage("a", "t1", "t2"), stage("b", "t2", "t1")];
  assert.deepEqual(drawn({ topics: topics("t0", "t1", "t2"), stages: circle }), ["t1>a t2>b t1>", "t0>"]);
  assert.deepEqual(drawn({ topics: [], stages: [] }), []);
});

test("several stages may write one topic", () => {
  const stages = [stage("a", "t0", "t2"), stage("b", "t1", "t2"), stage("view", "t2", null)];
  const all = topics("t0", "t1", "t2").map((topic) => ({ ...topic, source: topic.name !== "t2" }));
  assert.deepEqual(drawn({ topics: all, stages }), ["t0>a t2>view", "t1>b t2>"]);
});

test("lag grows where it goes up for long, not where it goes up and down", () => {
  const after = (...lags) => {
    const lag = new Lag();
    lags.forEach((value, at) => lag.add(at * 1_000, value));
    return lag.grows;
  };
  assert.equal(after(0, 10, 20, 30, 40, 50, 60), true);
  assert.equal(after(0, 10, 20), false);
  assert.equal(after(0, 50, 3, 60, 2, 70, 1, 80), false);
  assert.equal(after(500, 500, 500, 500, 500, 500), false);
  assert.equal(after(0, 10, 20, 30, 40, 50, null), false);
  assert.equal(after(60, 50, 40, 30, 20, 10), false);
});

test("a value is laid out as it is, long numbers too", () => {
  const value = '{"id":34715142003608558628683645403644147941,"a":[],"b":{},"c":["x, {y}",1.50],"q":"\\""}';
  const shown =
    '{\n  "id": 34715142003608558628683645403644147941,\n  "a": [],\n  "b": {},\n' +
    '  "c": [\n    "x, {y}",\n    1.50\n  ],\n  "q": "\\""\n}';
  assert.equal(pretty(value), shown);
  assert.equal(pretty("no { json"), "no { json");
  assert.equal(pretty(""), "");
});

test("numbers are short", () => {
  assert.deepEqual([rate(0), rate(2.34), rate(1000.4)], ["0/s", "2.3/s", "1,000/s"]);
  assert.deepEqual([duration(4), duration(1_234), duration(90_000)], ["4 ms", "1.2 s", "1.5 min"]);
  assert.deepEqual([shortId("order-7"), shortId("34715142003608558628")], ["order-7", "347151…8628"]);
});

test("what the API takes and answers is said in words, also where it is nested or goes in circles", () => {
  const node = { properties: { n: { type: "integer" }, next: { $ref: "#/components/schemas/Node" } } };
  const list = { type: "array", items: { $ref: "#/components/schemas/Node" } };
  const told = {
    components: { schemas: { Node: node } },
    paths: { "/a": { get: { tags: ["other"] }, post: { tags: ["orders"] } } },
  };
  assert.equal(kind(told, { type: "integer", minimum: 1, maximum: 7 }), "integer from 1 to 7");
  assert.equal(kind(told, { oneOf: [{ type: "null" }, { $ref: "#/components/schemas/Node" }] }), "null or Node");
  assert.equal(kind(told, list), "list of Node");
  const names = fields(told, { properties: { all: list } }).map(({ name }) => name);
  assert.deepEqual(names, ["all", "all[].n", "all[].next"]);
  assert.deepEqual(
    operations(told).map(([tag, found]) => [tag, found.map(({ method }) => method)]),
    [["orders", ["POST"]], ["other", ["GET"]]],
  );
});
