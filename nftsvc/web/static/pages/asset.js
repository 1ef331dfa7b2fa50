/**
 * The page of one asset: whether its record holds, what it shows, and what happened to it.
 *
 * @typedef {import("../verify/manifest.js").Document} Document
 * @typedef {import("../verify/rules.js").Report} Report
 * @typedef {import("../verify/rules.js").Facts} Facts
 * @typedef {{kind: string, name: string, description: string, documents: Document[],
 *   attributes: {trait_type: string, value: unknown}[], links: string[]}} Shown
 */

import { formatAsset, parseAsset } from "../verify/account.js";
import { CouldNotAsk, fetchBytes } from "../verify/fetching.js";
import { gather } from "../verify/facts.js";
import { isPublic } from "../verify/manifest.js";
import { verify } from "../verify/rules.js";
import { element, find, icon } from "./dom.js";
import { figure, isModel, isPicture, save } from "./media.js";
import { particulars } from "./particulars.js";
import { answer, answerOf, checked, technical } from "./report.js";
import {
  country, drawWithLanguage, enableLanguageSwitch, hasText, issuerName, loadText, size, t, time, wholeNumber,
} from "./text.js";
import { timeline } from "./timeline.js";

const MAX_ANSWER = 2 * 1024 * 1024;
const main = find("#asset", HTMLElement);
const token = main.dataset.token ?? "";
const path = `/v1/assets/${token}`;

/** @type {{report: Report, facts: Facts, told: any} | null} */
let known = null;
/** @type {string | null} */
let failure = null;
/** @type {{items: import("./timeline.js").Item[], next: string | null, failed: boolean}} */
const past = { items: [], next: null, failed: false };
/** @type {Map<string, HTMLElement>} */
const figures = new Map();

await loadText();
enableLanguageSwitch();
drawWithLanguage(() => {
  figures.clear();
  draw();
});
await load();

async function load() {
  try {
    const told = /** @type {any} */ (await fetchJson(path));
    const link = { asset: parseAsset(String(told.asset)), salts: [] };
    const [facts] = await Promise.all([gather(link, null), more()]);
    known = { report: verify(facts), facts, told };
  } catch (error) {
    failure = error instanceof CouldNotAsk && error.code === "not-found" ? "missing" : "failed";
  }
  draw();
}

async function more() {
  try {
    const query = past.next === null ? "" : `?cursor=${encodeURIComponent(past.next)}`;
    const page = /** @type {any} */ (await fetchJson(`${path}/history${query}`));
    past.items.push(...page.items);
    past.next = page.next;
    past.failed = false;
  } catch {
    past.failed = true;
  }
}

/** @param {string} address */
async function fetchJson(address) {
  const bytes = await fetchBytes(address, { headers: { accept: "application/json" } }, MAX_ANSWER);
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

function draw() {
  document.body.dataset.state = known ? "known" : (failure ?? "loading");
  if (failure !== null) {
    const verdict = failure === "missing" ? "NOT_FOUND" : "UNVERIFIABLE";
    const text = { word: t(`asset.${failure}.heading`), sentence: t(`asset.${failure}.text`) };
    main.replaceChildren(element("article", { class: "certificate" }, answer(verdict, text)));
  } else if (known !== null) {
    main.replaceChildren(...record(known));
    document.body.dataset.verdict = known.report.verdict;
  }
}

/** @param {{report: Report, facts: Facts, told: any}} all @returns {Node[]} */
function record({ report, facts, told }) {
  const shown = /** @type {Shown} */ (report.manifest ?? told.manifest);
  const shownMedia = shown.documents.filter(isPublic).filter((d) => isModel(d) || isPicture(d));
  return [
    element(
      "article",
      { class: "certificate" },
      element("p", { class: "kind" }, t(`kind.${shown.kind}`)),
      element("h2", { class: "asset-name" }, shown.name),
      element("p", { class: "description" }, shown.description),
      element(
        "p",
        { class: "by" },
        report.issuer ? t("asset.by", { issuer: issuerName(report.issuer) }) : t("asset.by.unlisted"),
        report.record && element("span", { class: "on" }, time(report.record.issuedAt * 1000)),
      ),
      answerOf(report, "record"),
      report.manifest === null && element("p", { class: "note" }, t("asset.unchecked")),
      checked(report),
      technical(report, facts),
    ),
    shownMedia.length > 0 &&
      element("section", { class: "gallery", "data-count": String(shownMedia.length) },
        ...shownMedia.map(figureOf)),
    documents(shown.documents, formatAsset(facts.asset), told.erasedAt ?? null),
    element("div", { class: "columns" }, history(report), aside(shown, told)),
  ].filter((node) => node instanceof Node);
}

/** @param {import("../verify/manifest.js").PublicDocument} document */
function figureOf(document) {
  let made = figures.get(document.cid);
  if (made === undefined) {
    made = figure(document, `${path}/preview?document=${document.cid}`);
    figures.set(document.cid, made);
  }
  return made;
}

/** @param {Document[]} all @param {string} asset @param {string | null} erasedAt */
function documents(all, asset, erasedAt) {
  const sealed = all.some((document) => !isPublic(document));
  return element(
    "section",
    { class: "card documents" },
    element("h2", {}, t("asset.documents")),
    element("ul", {}, ...all.map((document) => documentLine(document, erasedAt !== null))),
    sealed && erasedAt !== null
      ? element("p", { class: "note", "data-erased": erasedAt }, t("asset.erased.note"), " ", time(Date.parse(erasedAt)))
      : sealed && element("p", { class: "note" }, t("asset.sealed.note")),
    element(
      "p",
      { class: "actions" },
      sealed
        ? element("span", {}, t("asset.check.sealed"))
        : element("a", { class: "button primary", href: `/verify#a=${asset}` }, t("asset.check")),
    ),
  );
}

/** @param {Document} document @param {boolean} isErased */
function documentLine(document, isErased) {
  const open = isPublic(document);
  const about = element(
    "div",
    { class: "about" },
    element("strong", {}, document.name),
    element("span", { class: "meta" }, document.mediaType, element("span", {}, size(document.size))),
  );
  const badge = element("span", { class: "badge", "data-open": String(open) },
    icon(open ? "open" : "lock"), t(open ? "asset.public" : isErased ? "asset.erased" : "asset.sealed"));
  if (!open) return element("li", {}, icon("page"), about, badge);
  const button = element(
    "button",
    { type: "button", class: "secondary", "aria-label": t("asset.save.of", { name: document.name }) },
    t("asset.save"),
  );
  button.addEventListener("click", () => {
    save(document).catch((error) => {
      const lied = error instanceof CouldNotAsk && error.code === "content-corrupt";
      button.replaceWith(t(lied ? "asset.media.corrupt" : "asset.media.unavailable"));
    });
  });
  return element("li", {}, icon("page"), about, badge, button);
}

/** @param {Report} report */
function history(report) {
  const nameOf = (/** @type {string} */ address) =>
    report.issuer && report.record?.issuer.toLowerCase() === address.toLowerCase()
      ? issuerName(report.issuer)
      : null;
  const next = element("button", { type: "button", class: "secondary" }, t("asset.history.more"));
  next.addEventListener("click", async () => {
    next.disabled = true;
    await more();
    draw();
  });
  return element(
    "section",
    { class: "card history" },
    element("h2", {}, t("asset.history")),
    element("p", { class: "note" }, t("asset.history.note")),
    past.items.length ? timeline(past.items, nameOf) : null,
    past.failed
      ? element("p", { class: "note" }, t("asset.history.failed"))
      : past.items.length === 0 && element("p", { class: "note" }, t("asset.history.empty")),
    past.next !== null && next,
  );
}

/** @param {Shown} shown @param {any} told */
function aside(shown, told) {
  const rows = shown.attributes.map(({ trait_type: trait, value }) => {
    const key = `attribute.${trait}`;
    return /** @type {[string, string]} */ ([hasText(key) ? t(key) : trait, attribute(trait, value)]);
  });
  return element(
    "aside",
    {},
    rows.length > 0 &&
      element("section", { class: "card" }, element("h2", {}, t("asset.attributes")), particulars(rows)),
    shown.links.length > 0 &&
      element("section", { class: "card" }, element("h2", {}, t("asset.related")),
        element("ul", { class: "related" }, ...shown.links.map(related))),
    element(
      "section",
      { class: "card qr" },
      element("img", { src: `/v1/assets/${told.tokenId ?? token}/qr.svg`, alt: t("asset.qr"), width: "132", height: "132" }),
      element("p", {}, t("asset.qr.text")),
    ),
  );
}

/** @param {string} trait @param {unknown} value */
function attribute(trait, value) {
  if (trait === "Country" && typeof value === "string") return country(value);
  return typeof value === "number" && trait !== "Programme year" ? wholeNumber(value) : String(value);
}

/** @param {string} link CAIP-19 */
function related(link) {
  const name = `…/${link.slice(-12)}`;
  return element("li", {}, element("a", { href: `/assets/${link}`, title: link }, name));
}
