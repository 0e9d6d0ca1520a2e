import { ask } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { fields, kind, operations, request } from "./described.js";

const told = await ask("/openapi.json").catch((problem) => {
  setText(byId("api-said"), problem.message);
});
if (told) draw(told);

function draw(told) {
  setText(byId("api-name"), `${told.info.title}, API ${told.info.version}`);
  const sections = operations(told).map(([tag, all]) => {
    const id = `tag-${tag}`;
    const title = make("h2", { id, textContent: tag });
    const section = make("section", {}, title, ...all.map((one) => operation(told, one)));
    section.setAttribute("aria-labelledby", id);
    return section;
  });
  byId("api").replaceChildren(make("p", { textContent: told.info.description }), ...sections);
}

function operation(told, { method, path, operationId, summary, description, parameters, responses }) {
  const node = make("article", { id: operationId, className: "operation" });
  const link = make("a", { href: `#${operationId}`, textContent: `${method} ${path}` });
  node.append(make("h3", {}, link));
  for (const text of [summary, description]) if (text) node.append(make("p", { textContent: text }));
  node.append(make("pre", { textContent: request(location.origin, method, path), tabIndex: 0 }));
  if (parameters?.length) node.append(make("h4", { textContent: "Takes" }), takes(told, parameters));
  node.append(make("h4", { textContent: "Answers" }), answers(told, responses));
  return node;
}

function takes(told, parameters) {
  const items = parameters.map(({ name, in: place, required, description, schema }) => {
    const what = [place, kind(told, schema), required ? "" : "may be left out"].filter(Boolean).join(", ");
    return [make("dt", {}, make("code", { textContent: name }), ` ${what}`), said(description)];
  });
  return make("dl", {}, ...items.flat());
}

function answers(told, responses) {
  const items = Object.entries(responses).flatMap(([status, { description, content, headers }]) => {
    const [media, { schema } = {}] = Object.entries(content ?? {})[0] ?? ["no body"];
    const node = said(description);
    for (const [name, header] of Object.entries(headers ?? {}))
      node.append(make("p", {}, make("code", { textContent: name }), ` ${header.description ?? ""}`));
    const known = fields(told, schema);
    if (known.length > 0 && !media.includes("problem")) node.append(table(known));
    return [make("dt", {}, make("code", { textContent: status }), ` ${media}`), node];
  });
  return make("dl", {}, ...items);
}

function table(known) {
  const rows = known.map(({ name, kind: what, description }) =>
    make("li", {}, make("code", { textContent: name }), ` ${what}${description ? `: ${description}` : ""}`),
  );
  return make("ul", { className: "fields" }, ...rows);
}

function said(text) {
  return make("dd", {}, make("p", { textContent: text ?? "" }));
}
