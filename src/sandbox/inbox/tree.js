// A body as a tree that opens, closes and is searched.

import { el, plain, plural } from "./build.js";

// What our own bodies have, in the order in which a person reads it.
const FIRST = [
  "message",
  "level",
  "target",
  "location",
  "error",
  "fields",
  "span",
  "occurrences",
  "source",
  "notes",
];
const MOST_NODES = 3000;

/// `closed` has the paths of what a person has closed, and is kept up.
export function tree(body, find, closed) {
  const wanted = find.trim().toLowerCase();
  const state = { wanted, closed, found: 0, left: MOST_NODES };
  const nodes = entries(body).map(([key, value]) => node(key, value, state, false, key));
  const shown = nodes.filter(Boolean);
  const root = el("div", { class: "tree" }, shown);
  if (state.left <= 0) root.append(el("p", { class: "soft" }, "The rest is in the raw request."));
  return { root, found: state.found };
}

function entries(value) {
  if (value === null || typeof value !== "object") return [["body", value]];
  const all = Object.entries(value);
  if (Array.isArray(value)) return all;
  const place = ([key]) => {
    const at = FIRST.indexOf(key);
    return at < 0 ? FIRST.length : at;
  };
  return all.sort((a, b) => place(a) - place(b));
}

// Null when neither it nor what is in it matches.
function node(key, value, state, above, path) {
  if (state.left-- <= 0) return null;
  const here = matches(key, state.wanted);
  if (value !== null && typeof value === "object" && Object.keys(value).length > 0) {
    if (here) state.found++;
    const inner = entries(value)
      .map(([name, one]) => node(name, one, state, above || here, `${path}/${name}`))
      .filter(Boolean);
    if (inner.length === 0) return null;
    const count = plural(Object.keys(value).length, Array.isArray(value) ? "item" : "key");
    const toggled = ({ target }) => {
      if (!state.wanted) state.closed[target.open ? "delete" : "add"](path);
    };
    const open = state.wanted !== "" || !state.closed.has(path);
    return el(
      "details",
      { class: "branch", open, ontoggle: toggled },
      el("summary", {}, marked(key, state.wanted), el("span", { class: "soft" }, `  ${count}`)),
      el("div", {}, inner),
    );
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const hit = here || matches(text, state.wanted);
  if (hit) state.found++;
  if (state.wanted && !hit && !above) return null;
  const kind = value === null ? "null" : typeof value;
  return el(
    "div",
    { class: "pair" },
    el("span", { class: "key" }, marked(key, state.wanted)),
    el("span", { class: `value ${kind}` }, marked(text, state.wanted)),
  );
}

function matches(text, wanted) {
  return wanted !== "" && text.toLowerCase().includes(wanted);
}

// The text, with what was searched for marked in it.
function marked(text, wanted) {
  if (!matches(text, wanted)) return plain(text);
  const low = text.toLowerCase();
  // Where letters change their length in lower case, places don't agree: then all of it.
  if (low.length !== text.length) return [el("mark", {}, plain(text))];
  const parts = [];
  let from = 0;
  for (let at; (at = low.indexOf(wanted, from)) >= 0; from = at + wanted.length) {
    const end = at + wanted.length;
    parts.push(...plain(text.slice(from, at)), el("mark", {}, plain(text.slice(at, end))));
  }
  return [...parts, ...plain(text.slice(from))];
}
