// The inbox: what the sandbox knows, live, and what a person does with it.
//
// State comes from the server alone: a click asks the server, and the answer comes as it comes to
// every other open page.

import { ago, el, plain } from "./build.js";
import { begin, incident, limit, request } from "./detail.js";
import { incidentRow, requestRow } from "./rows.js";

const at = (id) => document.getElementById(id);
const wide = matchMedia("(min-width: 52.01rem)");
const KEPT = 500;

let incidents = new Map(); // By number.
let requests = [];
let site = null; // All else that the server told last.
let view = "open";
let chosen = null; // `{ kind: "incident" | "request", number }`
let shown = null; // What the detail shows, as it was told.
const kept = { find: "", first: false, raw: new Set(), closed: new Set() };
const page = {
  kept,
  acknowledge: () => act("acknowledge", "Acknowledged"),
  resolve: () => act("resolve", "Resolved"),
  leave,
  redraw: () => draw(),
};

// === what comes from the server ===

let source;
function listen() {
  source = new EventSource("/api/events");
  source.onopen = () => live(true);
  source.onerror = () => {
    live(false);
    // A browser gives up when it was answered anything but a stream, say by another program.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
  const hear = (event) => up.then(() => take(JSON.parse(event.data), event.type === "whole"));
  source.addEventListener("whole", hear);
  source.addEventListener("changed", hear);
}

// Nothing is drawn anew between the press and the release of a click, which would lose it.
let up = Promise.resolve();
let release = null;
addEventListener("pointerdown", () => {
  if (!release) up = new Promise((done) => (release = done));
});
for (const type of ["pointerup", "pointercancel", "blur"]) {
  addEventListener(type, () => {
    // After the click itself, which on a touch screen takes a moment to come.
    setTimeout(() => {
      release?.();
      release = null;
    }, 50);
  });
}

function live(on) {
  at("live").classList.toggle("on", on);
  at("live").textContent = on ? "live" : "reconnecting";
}

function take(told, whole) {
  const first = site === null;
  const known = incidents;
  if (whole) incidents = new Map();
  site = told;
  const news = told.incidents.filter((one) => !known.has(one.number));
  for (const one of told.incidents) incidents.set(one.number, one);
  for (const number of [...incidents.keys()].sort((a, b) => b - a).slice(KEPT))
    incidents.delete(number);
  if (!first && news.length > 0) {
    said(
      news.length === 1 ? `New: ${news[0].title || "(no title)"}` : `${news.length} new incidents`,
    );
  }
  if (whole && chosen?.kind === "incident" && !incidents.has(chosen.number)) chosen = shown = null;
  if (first) readPlace();
  chooseSome();
  list();
  const stale =
    chosen?.kind === "incident" && told.incidents.some((one) => one.number === chosen.number);
  if (chosen && !shown) load();
  else if (stale) loadSoon();
  else if (!chosen) draw();
  if (view === "requests") loadRequestsSoon();
}

async function ask(method, path) {
  try {
    const answer = await fetch(path, { method });
    const told = answer.status === 204 ? {} : await answer.json();
    if (answer.ok) return told;
    said(told.error);
  } catch {
    said("The sandbox does not answer.");
  }
  return null;
}

async function load() {
  const wanted = chosen;
  const told = await ask("GET", `/api/${wanted.kind}s/${wanted.number}`);
  await up;
  if (chosen !== wanted) return;
  if (told === null) chosen = null;
  shown = told;
  draw();
}

async function loadRequests() {
  requests = (await ask("GET", "/api/requests"))?.requests ?? [];
  await up;
  list();
}

// Does it now, and in a storm not again for a while, but then once more for what came meanwhile.
function calmly(todo) {
  let busy = false;
  let again = false;
  return async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      await todo();
      await new Promise((done) => setTimeout(done, 300));
    }
    busy = false;
  };
}

const loadSoon = calmly(async () => {
  if (chosen) await load();
});
const loadRequestsSoon = calmly(loadRequests);

// === the list ===

function listed() {
  const wanted = at("search").value.trim().toLowerCase();
  const found = (one) => (one.title ?? one.path ?? "").toLowerCase().includes(wanted);
  if (view === "requests") return requests.filter(found);
  const all = [...incidents.values()].filter(found).sort((a, b) => b.number - a.number);
  if (view === "resolved") return all.filter((one) => one.status === "resolved");
  const open = (status) => all.filter((one) => one.status === status);
  return [...open("open"), ...open("acknowledged")];
}

const rows = new Map(); // By view and number, so that a row that has focus stays the same.

function list() {
  const all = listed();
  const fresh = all.map((one) => row(one));
  const now = new Set(fresh);
  for (const [key, one] of rows) if (!now.has(one)) rows.delete(key);
  const box = at("rows");
  for (const child of [...box.children]) if (!now.has(child)) child.remove();
  fresh.forEach((one, place) => {
    if (box.children[place] !== one) box.insertBefore(one, box.children[place] ?? null);
  });
  const count = (status) =>
    [...incidents.values()].filter((one) => (one.status === "resolved") === status).length;
  const open = count(false);
  at("count-open").textContent = open;
  at("count-resolved").textContent = count(true);
  at("count-requests").textContent = Math.min(site.received, KEPT);
  document.title = open > 0 ? `(${open}) Inbox - Spike sandbox` : "Inbox - Spike sandbox";
  document.body.classList.toggle("vacant", incidents.size === 0 && view !== "requests");
  const searched = at("search").value.trim() !== "";
  const none = {
    open: "Nothing is open.",
    resolved: "Nothing is resolved yet.",
    requests: "No request yet.",
  };
  at("none").textContent = all.length > 0 ? "" : searched ? "No title has this in it." : none[view];
  at("none").hidden = all.length > 0;
  at("clear").hidden = site.received === 0 && incidents.size === 0;
  for (const button of at("views").children)
    button.setAttribute("aria-pressed", button.dataset.view === view);
  faults();
}

function row(one) {
  const kind = view === "requests" ? "request" : "incident";
  const key = `${kind}${one.number}`;
  let item = rows.get(key);
  if (!item) {
    const choice = { kind, number: one.number };
    item = el(
      "li",
      {},
      el("button", { type: "button", class: "row", onclick: () => choose(choice) }),
    );
    rows.set(key, item);
  }
  const button = item.firstChild;
  const content = JSON.stringify(one);
  if (item.content !== content) {
    item.content = content;
    button.className = `row ${kind === "request" ? "requests" : one.status}`;
    button.replaceChildren(...(kind === "request" ? requestRow(one) : incidentRow(one)));
  }
  button.setAttribute(
    "aria-current",
    String(chosen?.kind === kind && chosen.number === one.number),
  );
  return item;
}

function faults() {
  for (const input of document.querySelectorAll("input[name=fault]"))
    input.checked = input.value === site.fault;
  const words = {
    500: "Every request is answered 500. Nothing opens, and programs try again.",
    429: "Every request is answered 429, with Retry-After: 5. Nothing opens, and programs wait.",
    hang: "No request is answered. Nothing opens, and programs wait for their time-out.",
    other: "A program has set faults of its own. \u201cnormal\u201d ends them.",
  };
  tell("faulty", words[site.fault]);
  tell(
    "beyond",
    site.loopback
      ? ""
      : `Open to the network: it listens on ${site.listens}, and whoever reaches it can ` +
          "read and change these incidents.",
  );
}

// Sets a text when it is another, so that it is read out once.
function tell(id, words = "") {
  if (at(id).textContent !== words) at(id).textContent = words;
  at(id).hidden = words === "";
}

// === the detail ===

function draw() {
  const box = at("detail");
  const focus = box.contains(document.activeElement) ? document.activeElement.id : "";
  const caret = focus === "find" ? at("find").selectionStart : null;
  document.body.classList.toggle("reading", chosen !== null);
  if (chosen && shown) {
    box.replaceChildren(...(chosen.kind === "request" ? request : incident)(shown, page));
  } else if (site && incidents.size === 0 && view !== "requests") {
    box.replaceChildren(begin(site.webhook_url, said));
  } else {
    box.replaceChildren();
  }
  // What had focus has it again, as far as it is still there.
  if (focus && at(focus) !== document.activeElement)
    (at(focus) ?? box).focus({ preventScroll: true });
  if (caret !== null) at("find")?.setSelectionRange(caret, caret);
}

// A wide window has room to show something at once.
function chooseSome() {
  if (chosen || !wide.matches || view === "requests") return;
  const first = listed()[0];
  if (first) place({ kind: "incident", number: first.number });
}

function choose(choice) {
  const narrow = !wide.matches;
  place(choice, narrow);
  list();
  load().then(() => {
    if (narrow) at("detail").focus();
  });
  at("detail").scrollTop = 0;
}

// What is chosen is in the address, so that "back" on a phone leads to the list.
function place(choice, push = false) {
  if (chosen?.kind !== choice?.kind || chosen?.number !== choice?.number) {
    shown = null;
    Object.assign(kept, { find: "", first: false, raw: new Set(), closed: new Set() });
  }
  chosen = choice;
  const hash = !choice
    ? ""
    : choice.kind === "request"
      ? `#request-${choice.number}`
      : `#${choice.number}`;
  if (hash !== location.hash)
    history[push ? "pushState" : "replaceState"](null, "", hash || location.pathname);
}

function readPlace() {
  const [, kind, number] = location.hash.match(/^#(request-)?(\d+)$/) ?? [];
  place(number ? { kind: kind ? "request" : "incident", number: Number(number) } : null);
}

function leave() {
  place(null);
  list();
  draw();
}

// === what a person does ===

async function act(verb, done) {
  const one = chosen?.kind === "incident" && incidents.get(chosen.number);
  if (!one || one.status === "resolved" || (verb === "acknowledge" && one.status !== "open"))
    return;
  const all = listed();
  const told = await ask("POST", `/api/incidents/${one.number}/${verb}`);
  if (!told) return;
  said(`${done}: ${one.title || "(no title)"}`);
  // The next in the list, so that one key works through it.
  if (verb === "resolve" && view === "open" && wide.matches && chosen?.number === one.number) {
    const place = all.findIndex((other) => other.number === one.number);
    const next = all[place + 1] ?? all[place - 1];
    if (next) choose({ kind: "incident", number: next.number });
  }
}

let sure = 0;
async function clear() {
  const button = at("clear");
  clearTimeout(sure);
  const rest = () => {
    button.classList.remove("sure");
    button.textContent = "Clear all";
  };
  if (!button.classList.contains("sure")) {
    button.classList.add("sure");
    button.textContent = "Clear all: sure?";
    said("Again to forget all incidents and requests");
    sure = setTimeout(rest, 4000);
    return;
  }
  rest();
  requests = [];
  if (await ask("DELETE", "/api/incidents")) {
    place(null);
    said("Cleared");
  }
}

function show(wanted) {
  view = wanted;
  place(null);
  if (view === "requests") loadRequests();
  chooseSome();
  list();
  draw();
  if (chosen) load();
}

function move(by) {
  const all = listed();
  const kind = view === "requests" ? "request" : "incident";
  const now = all.findIndex((one) => chosen?.kind === kind && one.number === chosen.number);
  const next = all[now < 0 ? 0 : Math.min(Math.max(now + by, 0), all.length - 1)];
  if (!next) return;
  choose({ kind, number: next.number });
  const button = rows.get(`${kind}${next.number}`)?.firstChild;
  button?.scrollIntoView({ block: "nearest" });
  if (wide.matches) button?.focus({ preventScroll: true });
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  a: page.acknowledge,
  r: page.resolve,
  C: clear,
  "/": () => at("search").focus(),
  f: () => at("find")?.focus(),
  1: () => show("open"),
  2: () => show("resolved"),
  3: () => show("requests"),
  Escape: () => {
    if (!wide.matches) leave();
  },
};

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const into = event.target;
  if (into instanceof HTMLInputElement && into.type === "search") {
    if (event.key === "Escape") into.blur();
    return;
  }
  const wanted = KEYS[event.key];
  // Digits and arrows belong to the switch of faults while it has focus.
  if (!wanted || (into instanceof HTMLInputElement && event.key.length > 1)) return;
  event.preventDefault();
  // A key that is held walks through the list, and does nothing else again and again.
  if (!event.repeat || event.key === "j" || event.key === "k") wanted();
}

let hush = 0;
function said(words) {
  at("said").replaceChildren(...plain(words));
  at("said").classList.add("shown");
  clearTimeout(hush);
  hush = setTimeout(() => at("said").classList.remove("shown"), 2500);
}

// Times, and the limit, go on by themselves.
function tick() {
  for (const one of document.querySelectorAll("time.when")) {
    const words = ago(one.dateTime);
    if (one.textContent !== words) one.textContent = words;
  }
  const box = at("limit");
  if (box && shown?.limit)
    box.replaceChildren(...[limit(shown.limit, shown.status)].flat().filter(Boolean));
}

at("clear").addEventListener("click", clear);
at("search").addEventListener("input", list);
at("views").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) show(button.dataset.view);
});
at("fault").addEventListener("change", (event) => ask("PUT", `/api/fault/${event.target.value}`));
document.addEventListener("keydown", key);
const goThere = () => {
  if (location.hash === "#detail") return; // The link that skips the list.
  readPlace();
  list();
  if (chosen) load();
  else draw();
};
addEventListener("popstate", goThere);
setInterval(tick, 1000);
listen();
