/**
 * A report as the reader sees it: the answer, what was checked in plain words, and the
 * technical facts folded away.
 *
 * @typedef {import("../verify/rules.js").Report} Report
 * @typedef {import("../verify/rules.js").Facts} Facts
 * @typedef {import("../verify/rules.js").Check} Check
 */

import { checksum, formatAsset } from "../verify/account.js";
import { isAnswer } from "../verify/rules.js";
import { element, icon } from "./dom.js";
import { particulars, shortened } from "./particulars.js";
import { issuerName, t, time, wholeNumber } from "./text.js";

const NOBODY = checksum("0".repeat(40));

/** How a verdict looks; the icon and the word say what the colour says. */
const LOOKS = /** @type {{[verdict: string]: [tone: string, icon: string]}} */ ({
  AUTHENTIC: ["good", "seal"],
  SUPERSEDED: ["caution", "newer"],
  SUSPENDED: ["caution", "pause"],
  REVOKED: ["bad", "revoked"],
  PENDING: ["wait", "clock"],
  MISMATCH: ["bad", "differs"],
  UNKNOWN: ["caution", "absent"],
  UNTRUSTED_ISSUER: ["caution", "person"],
  UNVERIFIABLE: ["neutral", "question"],
  NOT_FOUND: ["neutral", "absent"],
});

const RESULT_ICONS = { valid: "check", invalid: "cross", error: "question", skipped: "dash" };

/**
 * The answer: one word, one sentence; where it could not be had, why.
 * @param {string} verdict @param {{word: string, sentence: string, reason?: string | null}} text
 */
export function answer(verdict, { word, sentence, reason = null }) {
  const [tone, mark] = LOOKS[verdict] ?? ["neutral", "question"];
  return element(
    "div",
    { class: "answer", "data-verdict": verdict, "data-tone": tone },
    element("div", { class: "mark" }, icon(mark)),
    element(
      "div",
      {},
      element("h1", { class: "word", tabindex: "-1" }, word),
      element("p", { class: "sentence" }, sentence),
      reason && element("p", { class: "reason" }, reason),
    ),
  );
}

/** @param {Report} report @param {"verdict" | "record"} about a file, or the record alone */
export function answerOf(report, about) {
  const failed = report.checks.find((check) => check.result === "error");
  return answer(report.verdict, {
    word: t(`${about}.${report.verdict}.word`),
    sentence: t(`${about}.${report.verdict}.sentence`),
    reason: report.verdict === "UNVERIFIABLE" && failed ? t(`code.${failed.code}`) : null,
  });
}

/** @param {Report} report */
export function checked(report) {
  return element(
    "section",
    { class: "checked" },
    element("h2", {}, t("verify.checked")),
    element("ol", {}, ...report.checks.filter(({ code }) => code !== "no-fields").map(line)),
  );
}

/** @param {Check} check */
function line(check) {
  return element(
    "li",
    { "data-result": check.result, "data-check": check.name, "data-code": check.code },
    icon(RESULT_ICONS[check.result]),
    element(
      "div",
      {},
      element("strong", {}, t(`check.${check.name}`)),
      element("span", { class: "visually-hidden" }, ` (${t(`result.${check.result}`)}) `),
      element("p", {}, t(`code.${check.code}`)),
    ),
  );
}

/** The fields that were disclosed, and that others stay closed. @param {Report} report */
export function disclosed({ fields }) {
  if (fields === null) return null;
  /** @type {[string, import("./dom.js").Child][]} */
  const rows = [];
  list(fields.value, "", rows);
  return element(
    "section",
    { class: "disclosed" },
    element("h2", {}, t("verify.fields")),
    particulars(rows),
    fields.closed.length > 0 && element("p", { class: "note" }, t("verify.fields.closed")),
  );
}

/**
 * @param {import("../verify/json.js").Json} value @param {string} path
 * @param {[string, import("./dom.js").Child][]} rows
 */
function list(value, path, rows) {
  if (Array.isArray(value)) value.forEach((item) => list(item, `${path}[]`, rows));
  else if (value !== null && typeof value === "object") {
    // By name: the order of the digests is no order of fields.
    for (const [name, member] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
      list(member, path === "" ? name : `${path}.${name}`, rows);
    }
  } else rows.push([path, String(value)]);
}

/** @param {Report} report @param {Facts} facts */
export function technical(report, facts) {
  const { record } = report;
  /** @type {[string, import("./dom.js").Child][]} */
  const rows = [];
  const hash = (/** @type {string} */ key, /** @type {string} */ value) =>
    rows.push([t(key), shortened(value, t(key))]);
  if (facts.document !== null) hash("facts.sha256", facts.document);
  hash("facts.asset", formatAsset(facts.asset));
  hash("facts.contract", facts.asset.contract);
  hash("facts.token", `0x${facts.asset.tokenId.toString(16).padStart(64, "0")}`);
  if (record) {
    hash("facts.manifest", record.digest);
    hash("facts.issuer", record.issuer);
    if (record.holder === NOBODY) rows.push([t("facts.holder"), t("facts.nobody")]);
    else hash("facts.holder", record.holder);
  }
  for (const seen of facts.observations) {
    if (isAnswer(seen)) {
      const { number, hash: blockHash } = seen.finalized.block;
      const block = element("span", { class: "tabular" }, wholeNumber(number));
      rows.push([
        t("facts.block"),
        element("span", { class: "pair" }, block, shortened(blockHash, t("facts.block"))),
      ]);
    }
    const said = isAnswer(seen)
      ? t("facts.endpoint.answered", { endpoint: seen.endpoint })
      : t("facts.endpoint.silent", { endpoint: seen.endpoint, reason: t(`silence.${seen.error}`) });
    rows.push([t("facts.endpoint"), said]);
  }
  return element(
    "details",
    { class: "technical" },
    element("summary", {}, t("verify.facts")),
    particulars(rows),
  );
}

/** Who put it on record, and when. @param {Report} report */
export function provenance(report) {
  /** @type {[string, import("./dom.js").Child][]} */
  const rows = [];
  if (report.issuer) rows.push([t("verify.issuer"), issuerName(report.issuer)]);
  if (report.manifest) rows.push([t("verify.document"), report.manifest.name]);
  if (report.documentName) rows.push([t("verify.document.name"), report.documentName]);
  if (report.record) rows.push([t("verify.issued"), time(report.record.issuedAt * 1000)]);
  const version = report.documentVersion ?? report.record?.version;
  if (version) rows.push([t("verify.version"), wholeNumber(version)]);
  return rows;
}
