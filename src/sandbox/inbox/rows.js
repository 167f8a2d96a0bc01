// A line of the list: what a row shows of an incident, and of a request.

import { ago, el, plain, plural, titled } from "./build.js";
import { became } from "./detail.js";

export function incidentRow(one) {
  const meta = [
    one.status !== "open" && one.status,
    one.severity === "sev1" ? el("span", { class: "grave" }, "SEV1") : one.severity?.toUpperCase(),
    one.priority?.toUpperCase(),
    one.repeats > 0 && plural(one.repeats, "repeat"),
    one.limit.dropped > 0 && el("span", { class: "grave" }, `${one.limit.dropped} dropped`),
  ];
  const words = meta
    .filter(Boolean)
    .map((word) => (typeof word === "string" ? el("span", {}, word) : word));
  return [
    el("span", { class: "dot", "aria-hidden": "true" }),
    el("span", { class: "name" }, titled(one.title)),
    el("time", { class: "when", datetime: one.last, title: one.last }, ago(one.last)),
    words.length > 0 && el("span", { class: "meta" }, words),
  ].filter(Boolean);
}

export function requestRow(one) {
  const odd = one.fault || one.reason || one.effect === "rate_limited";
  return [
    el("span", { class: odd ? "code grave" : "code" }, one.status ?? "\u2013"),
    el("span", { class: "name" }, plain(one.title ?? one.path)),
    el("time", { class: "when", datetime: one.at, title: one.at }, ago(one.at)),
    el("span", { class: "meta" }, el("span", {}, became(one))),
  ];
}
