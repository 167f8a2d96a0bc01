// Elements from data. The one place that makes them: text is always a text node, never markup.

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

export function drawn(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// What has no shape of its own, or turns text round; but for a tab and a line break.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
// So many of them are elements of their own; more of them slow a browser down.
const MOST_UNSEEN = 200;

/// A text with what could not be seen in it written out.
export function plain(text) {
  const code = (unseen) => `U+${unseen.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  const parts = [];
  let from = 0;
  for (const { 0: unseen, index } of text.matchAll(UNSEEN)) {
    if (parts.length >= 2 * MOST_UNSEEN) break;
    parts.push(
      text.slice(from, index),
      el("span", { class: "unseen", title: "a character that can't be seen" }, code(unseen)),
    );
    from = index + 1;
  }
  return [...parts, text.slice(from).replace(UNSEEN, code)];
}

/// A title; a trigger may have none.
export function titled(title) {
  return title ? plain(title) : ["(no title)"];
}

export function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/// How long ago, in a word.
export function ago(at) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000));
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function clock(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}

/// A time of day; in full when pointed at.
export function time(at, words = clock(at)) {
  return el("time", { datetime: at, title: at }, words);
}

/// A line to copy, with its button.
export function copyable(text, said) {
  const code = el("code", {}, text);
  const copy = async () => {
    getSelection().selectAllChildren(code);
    // Without a secure context there is no clipboard; then it is selected, to be copied by hand.
    await navigator.clipboard?.writeText(text).then(
      () => said("Copied"),
      () => {},
    );
  };
  return el(
    "div",
    { class: "copy" },
    code,
    el("button", { type: "button", class: "quiet", onclick: copy }, "Copy"),
  );
}
