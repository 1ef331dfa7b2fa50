/**
 * What happened to an asset: who, what, when, in which block and transaction.
 *
 * @typedef {{kind: string, at: string, block: {number: number, hash: string}, transaction: string,
 *   logIndex: number, actor?: string | null, from?: string | null, to?: string | null,
 *   digest?: string | null, version?: number | null, status?: string | null, finality: string}} Item
 */

import { element, icon } from "./dom.js";
import { particulars, shortened } from "./particulars.js";
import { hasText, t, time, wholeNumber } from "./text.js";

const ICONS = /** @type {{[what: string]: string}} */ ({
  issued: "seal",
  amended: "newer",
  active: "check",
  suspended: "pause",
  revoked: "revoked",
  "holder-changed": "person",
  "recovery-proposed": "person",
  "recovery-stopped": "check",
});

/** @param {Item[]} items newest last @param {(address: string) => string | null} nameOf */
export function timeline(items, nameOf) {
  return element("ol", { class: "timeline" }, ...items.map((item) => entry(item, nameOf)));
}

/** @param {Item} item @param {(address: string) => string | null} nameOf */
function entry(item, nameOf) {
  const account = (/** @type {string} */ address, /** @type {string} */ label) => {
    const name = nameOf(address);
    const short = shortened(address, label);
    return name ? element("span", { class: "pair" }, name, short) : short;
  };
  /** @type {[string, import("./dom.js").Child][]} */
  const rows = [];
  for (const [key, address] of /** @type {const} */ ([
    ["event.who", item.actor],
    ["event.from", item.from],
    ["event.to", item.to],
  ])) {
    if (address && !/^0x0+$/.test(address)) rows.push([t(key), account(address, t(key))]);
  }
  if (item.digest) {
    const digest = item.digest.replace(/^0x/, "");
    rows.push([t("event.document"), shortened(digest, t("event.document"))]);
  }
  rows.push([
    t("event.block"),
    element("span", { class: "tabular" }, wholeNumber(item.block.number)),
  ]);
  rows.push([t("event.transaction"), shortened(item.transaction, t("event.transaction"))]);
  const what = item.kind === "status-changed" ? (item.status ?? "") : item.kind;
  return element(
    "li",
    { "data-kind": item.kind },
    element("span", { class: "dot" }, icon(ICONS[what] ?? "page")),
    element(
      "div",
      {},
      element("h3", {}, title(item)),
      element(
        "p",
        { class: "when" },
        time(item.at),
        element("span", { class: "finality", "data-finality": item.finality },
          t(`finality.${item.finality}`)),
      ),
      particulars(rows),
    ),
  );
}

/** @param {Item} item */
function title(item) {
  if (item.kind === "amended") return t("event.amended", { version: wholeNumber(item.version ?? 0) });
  const key = item.kind === "status-changed" ? `event.status.${item.status}` : `event.${item.kind}`;
  return t(hasText(key) ? key : "event.other");
}
