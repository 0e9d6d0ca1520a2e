const ORDER = ["orders", "kitchen", "decisions", "operation"];

/** What can be asked, by tag, in the order in which one gets to know them. */
export function operations(told) {
  const all = Object.entries(told.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, one]) => ({ ...one, method: method.toUpperCase(), path })),
  );
  // What changes something comes first: without an order there is none to look at.
  all.sort((a, b) => (a.method === "GET") - (b.method === "GET"));
  const tags = [...new Set([...ORDER, ...all.flatMap(({ tags }) => tags)])];
  const of = (tag) => all.filter(({ tags }) => tags.includes(tag));
  return tags.map((tag) => [tag, of(tag)]).filter(([, found]) => found.length > 0);
}

/** How it is asked in a terminal. */
export function request(origin, method, path) {
  const stream = path.endsWith("/events") ? "-N " : "";
  return `curl ${stream}${method === "GET" ? "" : `-X ${method} `}${origin}${path}`;
}

/** What a value is, in a few words. */
export function kind(told, schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return either.map((one) => kind(told, one)).join(" or ");
  const types = [schema.type ?? "anything"].flat();
  const names = types.map((type) => (type === "array" ? `list of ${kind(told, schema.items)}` : type));
  const bounds = [
    schema.minimum === undefined ? "" : `from ${schema.minimum}`,
    schema.maximum === undefined ? "" : `to ${schema.maximum}`,
    schema.maxLength === undefined ? "" : `at most ${schema.maxLength} letters`,
  ];
  return [names.join(" or "), ...bounds].filter(Boolean).join(" ");
}

/** The fields of an object, and of those in its lists, as `list[].field`. */
export function fields(told, schema, before = "", above = []) {
  const name = schema?.$ref?.split("/").at(-1);
  if (name && above.includes(name)) return [];
  const known = name ? told.components.schemas[name] : schema;
  const inside = name ? [...above, name] : above;
  const either = known?.oneOf ?? known?.anyOf;
  if (either) return either.flatMap((one) => fields(told, one, before, inside));
  if (known?.items) return fields(told, known.items, `${before.replace(/\.$/, "")}[].`, inside);
  return Object.entries(known?.properties ?? {}).flatMap(([field, value]) => [
    { name: before + field, kind: kind(told, value), description: value.description },
    ...fields(told, value, `${before}${field}.`, inside),
  ]);
}
