// One incident, or one request, in full.

import { clock, copyable, drawn, el, plain, plural, time, titled } from "./build.js";
import { tree } from "./tree.js";

const SEVERITY = { sev1: "SEV1 high", sev2: "SEV2 medium", sev3: "SEV3 low" };
const PRIORITY = { p1: "P1 urgent", p2: "P2 high", p3: "P3 medium", p4: "P4 low", p5: "P5 info" };
// The alphabet of an SMS, and what takes the room of two letters in it.
const GSM =
  "@\u00a3$\u00a5\u00e8\u00e9\u00f9\u00ec\u00f2\u00c7\n\u00d8\u00f8\r\u00c5\u00e5" +
  "\u0394_\u03a6\u0393\u039b\u03a9\u03a0\u03a8\u03a3\u0398\u039e\u00c6\u00e6\u00df\u00c9" +
  " !\"#\u00a4%&'()*+,-./0123456789:;<=>?\u00a1ABCDEFGHIJKLMNOPQRSTUVWXYZ\u00c4\u00d6\u00d1" +
  "\u00dc\u00a7\u00bfabcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00f1\u00fc\u00e0";
const GSM_TWO = "\f^{}\\[~]|\u20ac";
export const EFFECT = {
  opened: "opened an incident",
  repeated: "a repeat",
  resolved: "resolved",
  nothing_open: "nothing open to resolve",
  rate_limited: "dropped by the limit",
  rejected: "rejected",
  not_applied: "not applied",
};

/// `page` has what the buttons do, and what is to stay when the incident is drawn again.
export function incident(one, page) {
  const tags = [
    el("span", { class: `tag ${one.status}` }, one.status),
    one.severity && el("span", { class: "tag" }, SEVERITY[one.severity]),
    one.priority && el("span", { class: "tag" }, PRIORITY[one.priority]),
    el("span", { class: "soft" }, `#${one.number}`),
  ];
  const act = (words, key, first, todo) =>
    el(
      "button",
      { type: "button", id: `act-${key}`, class: first ? "act first" : "act", onclick: todo },
      words,
      el("kbd", { "aria-hidden": "true" }, key),
    );
  const acts =
    one.status === "resolved"
      ? []
      : [
          one.status === "open" && act("Acknowledge", "a", false, page.acknowledge),
          act("Resolve", "r", true, page.resolve),
        ];
  return [
    back(page),
    el("div", { class: "tags" }, tags),
    el("h2", {}, titled(one.title)),
    el("div", { class: "acts" }, acts.length > 0 ? acts : after(one)),
    facts(one),
    el("div", { class: "part" }, el("h3", {}, "What came"), timeline(one)),
    el("div", { class: "part" }, el("h3", {}, "As a person is told"), told(one.title)),
    body(one, page),
    el(
      "div",
      { class: "part" },
      el("h3", {}, "Requests"),
      el(
        "div",
        { class: "panel" },
        one.requests.length === 0
          ? el("p", { class: "soft" }, "They are no longer kept.")
          : [...one.requests].reverse().map((request) => raw(request, page)),
      ),
    ),
  ];
}

/// A request that is selected by itself.
export function request(one, page) {
  return [
    back(page),
    el(
      "div",
      { class: "tags" },
      el("span", { class: "tag" }, one.status ? `answered ${one.status}` : "no answer"),
      el(
        "span",
        { class: "soft" },
        `request #${one.number}, `,
        time(one.at),
        `, ${plural(one.bytes, "byte")}`,
      ),
    ),
    el("h2", {}, plain(one.title ?? one.path)),
    el(
      "p",
      { class: "part" },
      became(one),
      one.incident !== null && el("a", { href: `#${one.incident}` }, ` incident #${one.incident}`),
    ),
    el(
      "div",
      { class: "part" },
      el("h3", {}, "As it came"),
      el("div", { class: "panel" }, el("pre", {}, plain(text(one)))),
    ),
  ];
}

/// What became of a request, in words.
export function became(one) {
  if (one.fault) return `${one.resolve ? "resolve" : "trigger"} met a fault: ${EFFECT[one.effect]}`;
  if (one.reason) return `rejected: ${one.reason}`;
  return EFFECT[one.effect];
}

function back(page) {
  return el("button", { type: "button", class: "back quiet", onclick: page.leave }, "\u2190 Inbox");
}

// Who has resolved an incident here tries the same error next, and is to know when it comes.
function after(one) {
  const itself = one.requests.some((request) => request.effect === "resolved");
  return el(
    "p",
    { class: "soft" },
    "The next trigger of this title opens a new incident.",
    !itself &&
      " A program that runs on sends it with its next occurrence, 30 s after the last it sent" +
        " or later.",
  );
}

function facts(one) {
  const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
  const occurrences = one.last_body?.occurrences?.count;
  return el(
    "dl",
    { class: "facts" },
    fact("Opened", time(one.first)),
    one.repeats > 0 && fact("Last", time(one.last)),
    fact("Repeats", one.repeats.toLocaleString("en")),
    Number.isFinite(occurrences) && fact("Occurrences", occurrences.toLocaleString("en")),
    one.acknowledged && fact("Acknowledged", time(one.acknowledged)),
    one.resolved && fact("Resolved", time(one.resolved)),
  );
}

function timeline(one) {
  const marks = one.timeline;
  const start = Date.parse(marks[0].at);
  const end = Math.max(Date.parse(marks.at(-1).at), start + 1000);
  const x = (at) => `${2 + (96 * (Date.parse(at) - start)) / (end - start)}%`;
  const shape = ({ at, what }) => {
    const made =
      what === "limited"
        ? drawn("line", { x1: x(at), x2: x(at), y1: 9, y2: 25, class: what })
        : drawn("circle", { cx: x(at), cy: 17, r: what === "repeated" ? 4 : 6, class: what });
    made.append(drawn("title", {}, `${clock(at)} ${what}`));
    return made;
  };
  const count = (what) => marks.filter((mark) => mark.what === what).length;
  const words = `opened, ${plural(count("repeated"), "repeat")}, ${count("limited")} dropped`;
  const svg = drawn(
    "svg",
    { class: "line", role: "img", "aria-label": words },
    drawn("line", { x1: "2%", x2: "98%", y1: 17, y2: 17, class: "axis" }),
    ...marks.map(shape).reverse(),
  );
  const last = marks.at(-1);
  return el(
    "div",
    { class: "panel" },
    marks.length > 1 && svg,
    el(
      "div",
      { class: "ends soft" },
      el("span", {}, time(marks[0].at), " opened"),
      marks.length > 1 && el("span", {}, time(last.at), ` ${last.what}`),
    ),
    el("div", { id: "limit" }, limit(one.limit, one.status)),
  );
}

/// What the limit of 20 in 60 s did, as of now.
export function limit(of, status) {
  const now = Date.now();
  const counted = of.counted.filter((at) => now - Date.parse(at) < 60_000).length;
  const left = Math.ceil((Date.parse(of.until) - now) / 1000);
  const limited = left > 0;
  const dropped = of.dropped > 0 ? `${plural(of.dropped, "trigger")} dropped so far.` : "";
  if (status === "resolved")
    return (
      dropped &&
      el("p", { class: "soft note" }, `Spike's limit: ${plural(of.dropped, "trigger")} dropped.`)
    );
  const words = limited
    ? `Limited for ${left} s more: ${of.of} triggers came within 60 s.`
    : `${counted} of ${of.of} triggers in the last 60 s. With the ${of.of}th, Spike drops the ` +
      "title for a minute.";
  return [
    el(
      "div",
      { class: limited ? "meter full" : "meter", "aria-hidden": "true" },
      Array.from({ length: of.of }, (_, at) => el("i", { class: at < counted ? "on" : "" })),
    ),
    el("p", { class: limited ? "grave" : "soft" }, `${words} ${dropped}`),
  ];
}

function told(title) {
  const shown = () => titled(title);
  const way = (kind, name, sure, text) =>
    el(
      "figure",
      { class: kind },
      el("figcaption", {}, name, sure),
      el(
        "blockquote",
        {},
        el("span", { class: kind === "push" || kind === "mail" ? "clamp" : "" }, text),
      ),
    );
  const guess = () => el("span", { class: "guess" }, "a guess");
  return [
    el(
      "div",
      { class: "told" },
      way("sms", "SMS", parts(title), shown()),
      way("push", "Push", guess(), shown()),
      way("mail", "E-mail", guess(), shown()),
      way("call", "Phone call", null, ["\u201c", ...shown(), "\u201d"]),
    ),
    el(
      "p",
      { class: "soft note" },
      "Spike documents that the title names the incident everywhere. That it is the " +
        "text of the SMS and is spoken on calls has been seen. How it is laid out, and what " +
        "stands around it, is a guess.",
    ),
  ];
}

// How many SMS a text takes: 160 characters of the GSM alphabet, or 70 of any other.
function parts(text) {
  const letters = [...text];
  const width = letters.reduce((sum, letter) => sum + (GSM_TWO.includes(letter) ? 2 : 1), 0);
  const known = letters.every((letter) => (GSM + GSM_TWO).includes(letter));
  const [length, whole, part] = known ? [width, 160, 153] : [text.length, 70, 67];
  const words = length <= whole ? "fits in one" : `takes ${Math.ceil(length / part)}`;
  return el("span", { title: `${plural(length, "character")}; one SMS has ${whole}` }, words);
}

function body(one, page) {
  const changed = one.repeats > 0 && JSON.stringify(one.body) !== JSON.stringify(one.last_body);
  const shown = changed && page.kept.first ? one.body : one.last_body;
  const panel = el("div", { class: "panel" });
  const found = el("span", { class: "soft", role: "status" });
  const draw = () => {
    const drawn = tree(shown, page.kept.find, page.kept.closed);
    panel.replaceChildren(drawn.root);
    found.textContent = page.kept.find.trim() ? `${drawn.found} found` : "";
  };
  const find = el("input", {
    type: "search",
    id: "find",
    placeholder: "Find in details",
    "aria-label": "Find in details",
    autocomplete: "off",
    spellcheck: "false",
    value: page.kept.find,
    oninput: () => {
      page.kept.find = find.value;
      draw();
    },
  });
  const which =
    changed &&
    el(
      "button",
      {
        type: "button",
        id: "which",
        class: "quiet",
        onclick: () => {
          page.kept.first = !page.kept.first;
          page.redraw();
        },
      },
      page.kept.first ? "Show the latest" : "Show the first",
    );
  const name = changed
    ? page.kept.first
      ? "Details of the first"
      : "Details of the latest"
    : "Details";
  if (shown === null) {
    return el(
      "div",
      { class: "part" },
      el("h3", {}, "Details"),
      el("div", { class: "panel" }, el("p", { class: "soft" }, "The trigger had no body.")),
    );
  }
  draw();
  return el(
    "div",
    { class: "part" },
    el("div", { class: "head" }, el("h3", {}, name), found, which, find),
    panel,
  );
}

function raw(one, page) {
  const opened = page.kept.raw.has(one.number);
  const made = el(
    "details",
    { class: "raw", open: opened },
    el(
      "summary",
      { id: `raw-${one.number}` },
      time(one.at),
      ` ${one.status ? `answered ${one.status}` : "not answered"}, ${became(one)}`,
    ),
    el("pre", {}, plain(text(one))),
  );
  made.addEventListener("toggle", () => page.kept.raw[made.open ? "add" : "delete"](one.number));
  return made;
}

function text(one) {
  const headers = one.headers.map(([name, value]) => `${name}: ${value}`);
  const body = one.cut ? `${one.body}\n... (cut)` : one.body;
  return [`${one.method} ${one.path} HTTP/1.1`, ...headers, "", body].join("\n");
}

/// What there is to see before anything came.
export function begin(url, said) {
  const words = { title: "card payment failed", severity: "sev1", body: { order: 4711 } };
  return el(
    "div",
    { class: "begin" },
    el("h2", {}, "Nothing has paged yet"),
    el(
      "p",
      { class: "soft" },
      "What your program sends to Spike is shown here instead. No one is paged.",
    ),
    el(
      "ol",
      {},
      el(
        "li",
        {},
        "Set this where your program runs:",
        copyable(`export SPIKE_WEBHOOK_URL=${url}`, said),
      ),
      el(
        "li",
        {},
        "Start it. Its first ",
        el("code", {}, "error!"),
        " is here at once, without a reload.",
      ),
    ),
    el("p", { class: "soft" }, "Or try it without a program:"),
    copyable(`curl -d '${JSON.stringify(words)}' ${url}`, said),
  );
}
