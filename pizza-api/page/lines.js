/**
 * The chain as lines to draw. A line is a list of hops, each a topic and the stage that reads it;
 * the last may have no stage. Where several stages read one topic, the longest way is drawn first,
 * and each other is a line of its own.
 */
export function linesOf({ topics, stages }) {
  const written = new Set(stages.flatMap(outputsOf));
  const drawn = new Set();
  const lines = [];
  const starts = topics.map(({ name }) => name).filter((name) => !written.has(name));
  const unread = starts.filter(
    (name) => isSource(topics, name) && !stages.some((stage) => stage.input === name),
  );

  const readersOf = (topic) => stages.filter((stage) => stage.input === topic && !drawn.has(stage.name));

  function drawFrom(start) {
    const branches = [start];
    while (branches.length > 0) {
      const line = lineFrom(branches[0], branches);
      if (line.length > 0) lines.push(line);
      else branches.shift();
    }
  }

  function lineFrom(start, branches) {
    const hops = [];
    let topic = start;
    for (;;) {
      const stage = longest(readersOf(topic), stages);
      if (!stage) break;
      drawn.add(stage.name);
      hops.push({ topic, stage });
      branches.push(topic, ...Object.values(stage.outputs));
      topic = stage.output;
      if (topic === null) return hops;
    }
    return hops.length > 0 ? [...hops, { topic, stage: null }] : hops;
  }

  starts.forEach(drawFrom);
  // What is left goes round in a circle.
  stages.forEach((stage) => drawFrom(stage.input));
  return [...lines, ...unread.map((topic) => [{ topic, stage: null }])];
}

export const outputsOf = (stage) =>
  [stage.output, ...Object.values(stage.outputs)].filter((topic) => topic !== null);

/** The topics that no line and no branch shows: dead letters, for example. */
export function otherTopics({ topics, stages }, lines) {
  const shown = new Set(lines.flat().map(({ topic }) => topic));
  stages.forEach((stage) => Object.values(stage.outputs).forEach((topic) => shown.add(topic)));
  return topics.map(({ name }) => name).filter((name) => !shown.has(name));
}

/** The stages that tell how far an order is: those of the first line that write a topic. */
export const stepsOf = (lines) =>
  (lines[0] ?? []).map(({ stage }) => stage).filter((stage) => stage && stage.output !== null);

function isSource(topics, name) {
  return topics.some((topic) => topic.name === name && topic.source);
}

function longest(readers, stages) {
  const sized = readers.map((stage) => ({ stage, length: lengthFrom(stage, stages, new Set()) }));
  return sized.reduce((best, one) => (best && best.length >= one.length ? best : one), null)?.stage;
}

function lengthFrom(stage, stages, seen) {
  if (seen.has(stage.name) || stage.output === null) return 1;
  const onward = new Set(seen).add(stage.name);
  const next = stages.filter((other) => other.input === stage.output);
  return 2 + Math.max(0, ...next.map((other) => lengthFrom(other, stages, onward)));
}
