/** Why the shop did not give what was asked; `status` is 0 where no answer came. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }

  /** Whether asking the same again may go better. */
  get mayPass() {
    return this.status === 0 || this.status === 409 || this.status === 429 || this.status >= 500;
  }
}

const PATIENCE_MS = 60_000;

/** The shop's answer, or a Problem in words. */
export async function ask(path, options = {}) {
  let answer;
  let body;
  try {
    answer = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
    body = await answer.text();
  } catch {
    throw new Problem(0, "The shop does not answer.");
  }
  const content = parsed(body);
  if (!answer.ok) {
    const detail = content?.detail ?? content?.title ?? `The shop answered with status ${answer.status}.`;
    throw new Problem(answer.status, sentence(detail));
  }
  if (content === undefined) throw new Problem(answer.status, "The shop's answer cannot be read.");
  return content;
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function sentence(text) {
  const first = String(text);
  const whole = first.charAt(0).toUpperCase() + first.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
