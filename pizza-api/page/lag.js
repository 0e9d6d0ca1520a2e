const WINDOW_MS = 8_000;
const LEAST_MS = 4_000;
const LEAST_GROWTH = 5;

/** Tells lag that grows from lag that only goes up and down. */
export class Lag {
  #samples = [];

  add(at, lag) {
    if (lag === null) {
      this.#samples = [];
      return;
    }
    this.#samples.push({ at, lag });
    this.#samples = this.#samples.filter((sample) => sample.at > at - WINDOW_MS);
  }

  /** Whether all of the newer half of the window is above all of the older half. */
  get grows() {
    const first = this.#samples.at(0);
    const last = this.#samples.at(-1);
    if (!first || last.at - first.at < LEAST_MS || last.lag - first.lag < LEAST_GROWTH) return false;
    const middle = (first.at + last.at) / 2;
    const lags = (half) => this.#samples.filter(half).map((sample) => sample.lag);
    return Math.max(...lags(({ at }) => at < middle)) < Math.min(...lags(({ at }) => at >= middle));
  }
}
