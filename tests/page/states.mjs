// What a real shop does not do on demand: outages, lost answers, stages without instances. Starts
// the mock beside it, and ends it.   node states.mjs [--shots DIR] [--browser PATH]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values: options } = parseArgs({
  options: {
    shots: { type: "string" },
    browser: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
  },
});
if (options.shots) mkdirSync(options.shots, { recursive: true });

const mock = spawn(process.execPath, [fileURLToPath(new URL("../mock.mjs", import.meta.url)), "0"], {
  stdio: ["ignore", "pipe", "inherit"],
});
process.on("exit", () => mock.kill());
const base = String((await once(mock.stdout, "data"))[0]).trim();
const browser = await chromium.launch({ executablePath: options.browser, args: ["--no-sandbox"] });
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const usual = {
  trouble: null,
  stopped: [],
  circuits: [],
  paused: [],
  restarts: {},
  unknown: [],
  lost: 0,
  away: false,
  external: false,
  odd: false,
  pace: 1,
  decisions: "open",
  clear: true,
};
let passed = 0;
let failed = 0;

const set = (what) =>
  fetch(`${base}/mock`, { method: "POST", body: JSON.stringify(what) }).then((answer) => answer.json());

function expect(held, expected, found = "") {
  if (!held) throw new Error(`expected ${expected}${found === "" ? "" : `, found: ${found}`}`);
}

async function sees(page, selector, text, timeout = 15_000) {
  await page
    .locator(selector, { hasText: text })
    .first()
    .waitFor({ timeout })
    .catch(async () => {
      const found = await page.locator(selector).allTextContents();
      throw new Error(`expected "${text}" at ${selector}, found: ${found.join(" | ")}`);
    });
}

async function axe(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const texts = violations.map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target).join(" ")}`);
  expect(texts.length === 0, `nothing for axe to find, ${where}`, texts.join(" | "));
}

async function check(name, state, steps) {
  await set({ ...usual, ...state });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const broken = [];
  page.on("pageerror", (error) => broken.push(String(error)));
  page.on("dialog", (dialog) => broken.push(`a dialog: ${dialog.message()}`) && dialog.dismiss());
  try {
    await page.goto(base);
    await steps(page);
    expect(broken.length === 0, "no error in the page", broken.join(" | "));
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
  if (options.shots)
    await page.screenshot({ path: join(options.shots, `state-${name.replaceAll(/\W+/g, "-")}.png`) });
  await page.close();
}

const order = (page) => page.getByRole("button", { name: "Order", exact: true }).click();

await check("nothing ordered yet", {}, (page) => sees(page, "#orders-empty", "Nothing has been ordered yet"));

await check("the broker away", {}, async (page) => {
  await sees(page, "#contact", "live");
  await set({ trouble: "the broker does not answer" });
  await sees(page, "#contact[data-state=trouble]", "the broker does not answer");
  await sees(page, ".station .note", "Not known: lag, instances.");
  await order(page);
  await sees(page, "#count-error", "The broker does not answer; nothing was ordered");
  await set({ trouble: null });
  await sees(page, "#contact", "live");
  await order(page);
  await sees(page, "#placed", "Complete: 5 pizzas.");
  expect((await page.locator("#count-error").textContent()) === "", "no error any more");
});

await check("the shop away and back", { orders: 2 }, async (page) => {
  await sees(page, "#orders-rows .state", "complete");
  await set({ away: true });
  await sees(page, "#contact[data-state=reconnecting]", "reconnecting; this is from");
  await set({ away: false, external: true });
  await sees(page, "#contact", "live");
  await sees(page, ".station.external", "oven");
  await sees(page, ".station .tag", "plug-in");
});

await check("a stage without instances", { orders: 3 }, async (page) => {
  await set({ stopped: ["meat"] });
  await sees(page, ".station[data-wants=attention] .note", "No instance runs.");
  await sees(page, ".station[data-wants=attention] .note", "Lag is growing.");
  await set({ stopped: [] });
  await page.locator(".station[data-wants=attention]").waitFor({ state: "detached", timeout: 15_000 });
});

await check("stages of the shop itself say more than Kafka knows", { orders: 2, external: true }, async (page) => {
  const station = (name) => page.locator(".station", { has: page.getByRole("heading", { name }) });
  const facts = async (name) => (await station(name).locator("dl").innerText()).replaceAll(/\s+/g, " ");
  await set({ circuits: ["meat"], paused: ["cheese"], restarts: { oven: 3 } });
  await sees(page, ".station[data-wants=attention] .note", "Circuit open: what it depends on is away.");
  await sees(page, ".station[data-wants=attention] .note", "Paused by an operator.");
  await station("oven").getByText("restarts", { exact: true }).waitFor();
  expect(/ in flight 0 restarts 0$/.test(await facts("meat")), "what meat does", await facts("meat"));
  expect(/ restarts 3$/.test(await facts("oven")), "how often oven came again", await facts("oven"));
  expect(!/in flight/.test(await facts("oven")), "nobody knows what oven has in hand", await facts("oven"));
  expect(!/restarts/.test(await facts("view")), "nor anything of the view", await facts("view"));
  await axe(page, "with a stage whose circuit is open");
});

await check("a lost answer is repeated under its key", { lost: 100 }, async (page) => {
  const before = (await set({})).posts.length;
  await order(page);
  await sees(page, "#count-error", "It may have taken the order.");
  await set({ lost: 0 });
  await order(page);
  await sees(page, "#placed", "5 pizzas");
  await order(page);
  await page.waitForTimeout(500);
  // A browser may repeat a request by itself, so there may be more than three.
  const keys = (await set({})).posts.slice(before).map(({ key }) => key);
  const last = keys.pop();
  expect(new Set(keys).size === 1 && keys.length > 1, "one key until an answer came", keys);
  expect(last !== keys[0], "another key for another order", last);
  expect((await page.locator("#orders-rows tr").count()) === 2, "two orders of all these requests");
});

await check("text that looks like markup stays text", { odd: true, orders: 1, held: 1, dead: 3 }, async (page) => {
  await sees(page, "#keys .note", "<img src=x onerror=alert(1)>no pepperoni");
  await page.getByLabel("Stage", { exact: true }).selectOption("meat");
  await sees(page, "#letters pre", '<img src=x onerror=alert(1)>"4711"');
  await sees(page, "#orders-rows .state", "complete");
  await page.locator("#orders-rows a").first().click();
  await sees(page, "#pizza-rows td", "<img src=x onerror=alert(1)>");
  await page.keyboard.press("Escape");
  await page.getByLabel("Topic").selectOption("pizza");
  await sees(page, "#records pre", "<script>alert(1)</script>");
});

await check("a key that is held is decided about", { held: 3 }, async (page) => {
  await sees(page, "#keys-said", "3 keys wait.");
  await sees(page, "#keys .record", "held until somebody decides, 3 records, 8 attempts");
  await sees(page, "#keys .record", "tried again in 1.5 min, 1 record");
  await axe(page, "with keys that wait");
  await page.getByRole("button", { name: 'Release: key "4713" of meat' }).click();
  await sees(page, "#keys-done", 'The key "4713" of meat lost 3 to the dead letters.');
  await sees(page, "#keys-said", "2 keys wait.");
  await page.getByRole("button", { name: 'Skip: key "4712" of meat' }).click();
  await sees(page, "#keys-done", "lost its first record to the dead letters.");
  await page.getByRole("button", { name: 'Retry now: key "4711" of meat' }).click();
  await sees(page, "#keys-done", "was tried.");
  await sees(page, "#keys-said", "1 key waits.");
  const rows = await page.locator("#keys > li").count();
  expect(rows === 1, "a row for each key that waits, and none for those that do not", rows);
  await set({ unknown: [{ stage: "oven", why: "topic x does not exist" }] });
  await sees(page, "#keys-said", "Nothing waits. Of oven it is not known: topic x does not exist.");
});

await check("dead letters are looked at and replayed", { dead: 60 }, async (page) => {
  await page.getByLabel("Stage", { exact: true }).selectOption("meat");
  await sees(page, "#letters-said", "60 open in pizza.meat.dlq, the newest 50 of them here.");
  await sees(page, "#letters .record", "rejected: no pepperoni");
  await axe(page, "with dead letters");
  await page.getByRole("button", { name: "Replay: pizza-with-cheese[0]@2", exact: true }).click();
  await sees(page, "#letters-done", "Replayed 1.");
  await sees(page, "#letters-said", "59 open");
  await page.getByLabel("Reason has in it").fill("cheese");
  await page.getByRole("button", { name: "Look" }).click();
  await sees(page, "#letters-said", "30 open in pizza.meat.dlq.");
  await page.getByRole("button", { name: "Replay all of these 30" }).click();
  await sees(page, "#letters-done", "Replayed 30.");
  await sees(page, "#letters-said", "No open dead letter is in pizza.meat.dlq.");
});

await check("a decision needs the token", { held: 1, decisions: "token" }, async (page) => {
  await page.getByRole("button", { name: "Retry now" }).click();
  await sees(page, "#keys-error", "This needs the token.");
  await page.getByLabel("Admin token").fill("secret");
  await page.getByRole("button", { name: "Retry now" }).click();
  await sees(page, "#keys-done", "was tried.");
});

await check("where nobody may decide there are no buttons for it", { held: 1, decisions: "closed" }, async (page) => {
  await sees(page, "#decisions-hint", "Nobody decides here");
  await sees(page, "#keys-said", "1 key waits.");
  expect((await page.getByRole("button", { name: "Retry now" }).count()) === 0, "no button");
});

await check("an order that is not there", {}, async (page) => {
  await page.getByLabel("Find an order by its id").fill("no/such ?order");
  await page.getByRole("button", { name: "Open" }).click();
  await sees(page, "#order-said", "There is no order no/such ?order.");
});

await check(
  "updates leave focus, selection and rows alone",
  { orders: 50, stopped: ["meat"] },
  async (page) => {
    await page.locator("#orders-rows tr").nth(20).waitFor();
    await page.locator("#orders-rows tr a").nth(20).focus();
    await page.evaluate(() => {
      globalThis.row = document.activeElement.closest("tr");
      getSelection().selectAllChildren(globalThis.row.querySelector("a"));
      globalThis.selected = String(getSelection());
    });
    await set({ orders: 10, stopped: [] });
    await page.waitForTimeout(3_000);
    const [focus, selection] = await page.evaluate(() => [
      globalThis.row.contains(document.activeElement),
      String(getSelection()) === globalThis.selected && globalThis.selected !== "",
    ]);
    expect(focus, "the focus where it was");
    expect(selection, "the selection as it was");
  },
);

await check(
  "it stays light with 50 orders and 1,000 pizzas",
  { orders: 49, stopped: ["veggie"] },
  async (page) => {
    await page.getByLabel("Number of pizzas").fill("1000");
    await order(page);
    await page.locator("#placed a").click();
    await page.getByRole("dialog").waitFor();
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    const busy = async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      return metrics.find(({ name }) => name === "TaskDuration").value;
    };
    const before = await busy();
    await set({ stopped: [] });
    await page.waitForTimeout(5_000);
    const share = (await busy()) - before;
    console.log(`      busy for ${share.toFixed(2)} s of 5 s`);
    expect(share < 1.5, "less than 1.5 s of work in 5 s", share.toFixed(2));
  },
);

await browser.close();
mock.kill();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
