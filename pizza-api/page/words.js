const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const timeOfDay = new Intl.DateTimeFormat("en-GB", clock);
const dayAndTime = new Intl.DateTimeFormat("en-GB", {
  ...clock,
  fractionalSecondDigits: 3,
  day: "numeric",
  month: "short",
  year: "numeric",
});

export const UNKNOWN = "–";

export const number = (value) => whole.format(value);

export const pizzas = (count) => (count === 1 ? "1 pizza" : `${number(count)} pizzas`);

export const known = (value) => (value == null ? UNKNOWN : number(value));

export const time = (instant) => timeOfDay.format(new Date(instant));

/** Of milliseconds since 1970, as the shop has them; null is no time. */
export const moment = (instant) => (instant === null ? "no time" : dayAndTime.format(new Date(instant)));

export const iso = (instant) => (instant === null ? "" : new Date(instant).toISOString());

export function rate(perSecond) {
  if (perSecond == null) return "rate not known";
  const format = perSecond < 10 ? tenths : whole;
  return `${format.format(perSecond)}/s`;
}

export function duration(milliseconds) {
  if (milliseconds < 1_000) return `${whole.format(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${tenths.format(milliseconds / 1_000)} s`;
  return `${tenths.format(milliseconds / 60_000)} min`;
}

/** Ids have up to 39 digits; both ends tell orders apart well enough for the eye. */
export const shortId = (id) => (id.length > 13 ? `${id.slice(0, 6)}…${id.slice(-4)}` : id);

export const orderLink = (id) => `#order=${encodeURIComponent(id)}`;

export const topicLink = (name) => `#topic=${encodeURIComponent(name)}`;

/** JSON with one member per line. It goes by the text, so that long numbers stay as they are. */
export function pretty(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let out = "";
  let depth = 0;
  let before = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const closes = token === "}" || token === "]";
    const afterOpen = before === "{" || before === "[";
    if (closes) depth -= 1;
    if (closes ? !afterOpen : afterOpen || before === ",") out += line();
    if (before === ":") out += " ";
    if (token === "{" || token === "[") depth += 1;
    out += token;
    before = token;
  }
  return out;
}
