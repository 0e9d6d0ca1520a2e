// Tries the page as a person would, in a browser, at any shop that answers:
//   node page.mjs http://127.0.0.1:8094 [--shots DIR] [--browser /usr/bin/chromium]
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shots: { type: "string" },
    browser: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
  },
});
const base = positionals[0]?.replace(/\/$/, "");
if (!base) {
  console.error("usage: node page.mjs BASE_URL [--shots DIR] [--browser PATH]");
  process.exit(2);
}
if (options.shots) mkdirSync(options.shots, { recursive: true });

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PHONE = { width: 360, height: 800 };
const DESKTOP = { width: 1280, height: 900 };
const COMPLETE_MS = 60_000;

const browser = await chromium.launch({ executablePath: options.browser, args: ["--no-sandbox"] });
let passed = 0;
let failed = 0;

function expect(held, expected, found = "") {
  if (!held) throw new Error(`expected ${expected}${found === "" ? "" : `, found: ${found}`}`);
}

async function within(promise, expected) {
  await promise.catch((error) => {
    throw new Error(`expected ${expected}; ${error.message.split("\n")[0]}`);
  });
}

/** Runs one check on a page of its own, which must say nothing on its console. */
async function check(name, settings, steps) {
  const context = await browser.newContext({ viewport: DESKTOP, ...settings });
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  page.on(
    "response",
    (response) => response.status() >= 500 && said.push(`${response.status()} ${response.url()}`),
  );
  try {
    await page.goto(base);
    await within(page.locator("#contact[data-state=live]").waitFor(), "the page to say that it is live");
    await within(page.locator(".station").first().waitFor(), "the chain with its stations");
    await steps(page);
    expect(said.length === 0, "nothing on the console", said.join(" | "));
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.message}`);
    await shoot(page, `failed-${name}`).catch(() => {});
  }
  await context.close();
}

async function shoot(page, name) {
  if (options.shots)
    await page.screenshot({ path: join(options.shots, `${name.replaceAll(/\W+/g, "-")}.png`) });
}

async function axe(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const texts = violations.map(
    ({ id, impact, nodes }) => `${impact} ${id} at ${nodes.map(({ target }) => target).join(" ")}`,
  );
  expect(texts.length === 0, `nothing for axe to find, ${where}`, texts.join(" | "));
}

async function fits(page, where) {
  const [wide, room] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  expect(wide <= room, `no horizontal scrolling, ${where}`, `${wide} px in ${room} px`);
}

async function order(page, count) {
  await page.getByLabel("Number of pizzas").fill(String(count));
  await page.getByRole("button", { name: "Order", exact: true }).click();
  return placed(page);
}

async function placed(page) {
  const link = page.locator("#placed a");
  await within(link.waitFor(), "the page to say that the order was placed");
  return link.getAttribute("title");
}

async function completed(page) {
  const text = page.locator("#placed", { hasText: "Complete" });
  await within(text.waitFor({ timeout: COMPLETE_MS }), "the page to say that the order is complete");
}

async function seesPizzas(page, count) {
  const dialog = page.getByRole("dialog");
  await within(dialog.waitFor(), "the order to open");
  await within(
    dialog.getByText("Complete:").waitFor({ timeout: COMPLETE_MS }),
    "the open order to become complete",
  );
  const rows = await dialog.locator("#pizza-rows tr").count();
  const shown = Math.min(count, 100);
  expect(rows === shown, `${shown} pizzas in the open order`, rows);
  const empty = await dialog.locator("#pizza-rows td:empty").count();
  expect(empty === 0, "every pizza to have all of its toppings", `${empty} without`);
  return dialog;
}

async function chooseSource(page) {
  const { topics } = await page.evaluate(() => fetch("/chain").then((answer) => answer.json()));
  const { name } = topics.find((topic) => topic.source);
  await page.getByLabel("Topic").selectOption(name);
  await within(page.locator("#records .record").first().waitFor(), `records of topic ${name}`);
  return name;
}

await check("an order by the form becomes complete and shows its pizzas", {}, async (page) => {
  const id = await order(page, 5);
  await completed(page);
  const row = page.locator("#orders-rows tr", { has: page.locator(`a[title="${id}"]`) });
  await within(row.getByText("complete", { exact: true }).waitFor(), "the order's row to say complete");
  await row.getByRole("rowheader").getByRole("link").click();
  expect(page.url().endsWith(`#order=${id}`), "the order in the address", page.url());
  await seesPizzas(page, 5);
  await shoot(page, "order-open");
  await page.keyboard.press("Escape");
  await within(page.getByRole("dialog").waitFor({ state: "hidden" }), "Escape to close the order");
  await within(
    page.waitForURL((url) => url.hash === ""),
    "no order in the address once it is closed",
  );
});

await check("a large order shows 100 pizzas and says how many more", {}, async (page) => {
  await order(page, 230);
  await page.locator("#placed a").click();
  const dialog = await seesPizzas(page, 230);
  await within(dialog.getByText("And 130 more.").waitFor(), "how many more pizzas there are");
});

await check("an order opens by its address and is found by its id", {}, async (page) => {
  const id = await order(page, 2);
  await page.goto("about:blank");
  await page.goto(`${base}/#order=${id}`);
  await seesPizzas(page, 2);
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByLabel("Find an order by its id").fill(id);
  await page.getByRole("button", { name: "Open" }).click();
  await seesPizzas(page, 2);
});

await check("an order by keyboard alone", {}, async (page) => {
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  await page.keyboard.press("Tab");
  expect((await focused()) === "count", "the first Tab to lead to the number of pizzas", await focused());
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("3");
  await page.keyboard.press("Tab");
  expect((await focused()) === "place-button", "the next Tab to lead to the button", await focused());
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  expect(outline === "solid", "the focus to be seen", outline);
  await page.keyboard.press("Enter");
  await placed(page);
  expect((await focused()) === "place-button", "the focus to stay at the button", await focused());
  await completed(page);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await seesPizzas(page, 3);
  await page.keyboard.press("Enter");
  await within(
    page.getByRole("dialog").waitFor({ state: "hidden" }),
    "Enter on the button to close the order",
  );
});

await check("the API is described, each of its operations with what it takes and answers", {}, async (page) => {
  const { paths } = await page.evaluate(() => fetch("/openapi.json").then((answer) => answer.json()));
  const count = Object.values(paths).flatMap((item) => Object.keys(item)).length;
  await page.getByRole("link", { name: "The API" }).click();
  await within(page.locator("article#place").waitFor(), "the operation that places an order");
  const shown = await page.locator("article").count();
  expect(shown === count, `${count} operations`, shown);
  const place = page.locator("article#place");
  const said = await place.textContent();
  for (const text of ["POST /order/{id}", "from 1 to ", "Idempotency-Key", "order_id", "201"])
    expect(said.includes(text), `${text} with the order`, said);
  for (const size of [PHONE, DESKTOP]) {
    await page.setViewportSize(size);
    await fits(page, `the API, ${size.width} px`);
    await axe(page, `the API, ${size.width} px`);
    await shoot(page, `api-${size.width}`);
  }
});

await check("what is no number of pizzas is refused in words", {}, async (page) => {
  for (const wrong of ["", "0", "2.5", "100000000"]) {
    await page.getByLabel("Number of pizzas").fill(wrong);
    await page.getByRole("button", { name: "Order", exact: true }).click();
    const text = await page.getByRole("alert").textContent();
    expect(/^Give a whole number from 1 to /.test(text), `a refusal of "${wrong}"`, text);
    expect(
      (await page.locator("#count[aria-invalid=true]").count()) === 1,
      "the field to be marked as wrong",
    );
  }
});

await check("a topic shows its newest records", {}, async (page) => {
  const id = await order(page, 1);
  await completed(page);
  const topic = await chooseSource(page);
  const record = page.locator("#records .record", { hasText: id }).first();
  await within(record.waitFor(), `the order among the records of ${topic}`);
  const text = await record.textContent();
  for (const part of ["partition", "offset", "key", "value", "headers", "pizza-seq"]) {
    expect(text.includes(part), `${part} in a record`, text);
  }
  expect((await record.locator(".value pre").textContent()).includes("\n"), "the value over several lines");
  await page.getByLabel("Refresh every 2 seconds").uncheck();
  const asked = [];
  page.on("request", (request) => request.url().includes("/records") && asked.push(request.url()));
  await page.waitForTimeout(2_500);
  expect(asked.length === 0, "no refresh by itself while it is off", asked.length);
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.waitForTimeout(500);
  expect(asked.length === 1, "one refresh by the button", asked.length);
  await shoot(page, "records");
});

await check("a topic of the chain leads to its records", {}, async (page) => {
  const link = page.locator("#chain .topic a").first();
  await link.click();
  const chosen = await page.getByLabel("Topic").inputValue();
  expect(chosen === (await link.textContent()), "the topic to be chosen", chosen);
});

for (const [size, viewport] of [
  ["phone", PHONE],
  ["desktop", DESKTOP],
]) {
  for (const colorScheme of ["light", "dark"]) {
    const where = `${size} ${colorScheme}`;
    const settings = { viewport, colorScheme, reducedMotion: "reduce" };
    await check(`accessible and not too wide, ${where}`, settings, async (page) => {
      await order(page, 4);
      await completed(page);
      await shoot(page, `page-${where}`);
      await chooseSource(page);
      await axe(page, where);
      await fits(page, where);
      await page.locator("#placed a").click();
      await seesPizzas(page, 4);
      await axe(page, `${where}, order open`);
      await fits(page, `${where}, order open`);
      await shoot(page, `order-${where}`);
    });
  }
}

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
