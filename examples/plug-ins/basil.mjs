// Puts basil on every pizza: a stage in Node (docs/plug-ins.md).

import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const { id, value: pizza } = JSON.parse(line);
  pizza.veggies = `${pizza.veggies} & basil`;
  console.log(JSON.stringify({ id, value: pizza }));
}
