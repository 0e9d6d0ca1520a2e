export const byId = (id) => document.getElementById(id);

/** A new element; children that are text stay text. */
export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Leaves a node alone that says it already, and so what is selected in it. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setData(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

/** A bar that is there for the eye; the number beside it says the same. */
export function bar() {
  return make("span", { className: "bar", ariaHidden: "true" });
}

export function setBar(node, share) {
  const value = share.toFixed(3);
  if (node.style.getPropertyValue("--share") !== value) node.style.setProperty("--share", value);
}

/**
 * Has `parent` hold one item per key, in this order, touching only what differs. `items` is a map
 * from keys to `{ node }`, kept by the caller. An item that holds the focus stays, at the end.
 */
export function arrange(parent, items, keys, create) {
  const wanted = new Set(keys);
  for (const [key, item] of items) {
    if (wanted.has(key)) continue;
    if (item.node.contains(document.activeElement)) {
      wanted.add(key);
    } else {
      item.node.remove();
      items.delete(key);
    }
  }
  let next = null;
  for (const key of [...wanted].reverse()) {
    if (!items.has(key)) items.set(key, create(key));
    const { node } = items.get(key);
    if (node.parentNode !== parent || node.nextSibling !== next) parent.insertBefore(node, next);
    next = node;
  }
}
