/** The pages `/` and `/verify`: drop a file, read the verdict. */

import { formatAsset } from "../verify/account.js";
import { parseLink } from "../verify/link.js";
import { element, find, icon } from "./dom.js";
import { takeFiles } from "./drop.js";
import { particulars, shortened } from "./particulars.js";
import { answer, answerOf, checked, disclosed, provenance, technical } from "./report.js";
import { drawWithLanguage, enableLanguageSwitch, loadText, percent, size, t, time } from "./text.js";
import { Verification } from "./verification.js";

/** @typedef {import("./verification.js").State} State */

const start = find("#start", HTMLElement);
const result = find("#result", HTMLElement);
const status = find("#status", HTMLElement);
const linkBox = find("#link-box", HTMLFormElement);
const linkInput = find("#link", HTMLInputElement);
const linkError = find("#link-error", HTMLElement);
const linkGiven = find("#link-given", HTMLElement);

await loadText();
const verification = new Verification(draw);

takeFiles(find("#file", HTMLInputElement), (file) => void verification.check(file));
enableLanguageSwitch();
readFragment();
addEventListener("hashchange", () => {
  readFragment();
  verification.reset();
});
linkBox.addEventListener("submit", (event) => {
  event.preventDefault();
  useLink(linkInput.value.trim());
});
find("#link-forget", HTMLButtonElement).addEventListener("click", () => {
  verification.link = null;
  history.replaceState(history.state, "", `${location.pathname}${location.search}`);
  drawLink();
  linkInput.focus();
});
drawWithLanguage(draw);
document.body.dataset.ready = "";

function readFragment() {
  if (location.hash.length > 1) useLink(location.hash.slice(1));
}

/** @param {string} text */
function useLink(text) {
  try {
    verification.link = parseLink(text);
    linkError.hidden = true;
    linkInput.removeAttribute("aria-invalid");
    linkInput.value = "";
    if (verification.state.is === "not-found") void verification.again();
  } catch {
    verification.link = null;
    linkError.hidden = false;
    linkInput.setAttribute("aria-invalid", "true");
  }
  drawLink();
}

function drawLink() {
  const { is } = verification.state;
  linkGiven.hidden = verification.link === null;
  linkBox.hidden = verification.link !== null || (is !== "idle" && is !== "not-found");
}

function draw() {
  const { state } = verification;
  const before = document.body.dataset.state;
  document.body.dataset.state = state.is;
  start.hidden = state.is !== "idle";
  result.hidden = state.is === "idle";
  drawLink();
  const old = result.querySelector("progress");
  if (state.is === "reading" && before === "reading" && old) {
    drawProgress(old, state.share);
    return;
  }
  result.replaceChildren(...content(state));
  status.textContent = spoken(state);
  if (before !== state.is && (state.is === "judged" || state.is === "not-found")) {
    scrollTo({ top: 0 });
    result.querySelector("h1")?.focus({ preventScroll: true });
  }
}

/** @param {State} state @returns {Node[]} */
function content(state) {
  switch (state.is) {
    case "idle":
      return [];
    case "reading":
    case "asking":
      return [working(state)];
    case "unreadable":
      return [
        element("article", { class: "certificate" },
          answer("UNVERIFIABLE", {
            word: t("verdict.UNVERIFIABLE.word"),
            sentence: t("verdict.UNVERIFIABLE.sentence"),
            reason: t("verify.unreadable"),
          })),
        actions(false),
      ];
    case "not-found":
      return notFound(state);
    case "judged":
      return judged(state);
  }
}

/** @param {State & {is: "reading" | "asking"}} state */
function working(state) {
  const bar = element("progress", { max: "1", "aria-label": t("verify.working") });
  const label = element("p", { class: "progress-label" }, t("verify.asking"));
  const box = element(
    "article",
    { class: "certificate working" },
    element("h1", {}, t("verify.working")),
    element("p", { class: "file-name" }, icon("page"), fileLine(state.file)),
    bar,
    label,
  );
  if (state.is === "reading") drawProgress(bar, state.share);
  return box;
}

/** @param {HTMLProgressElement} bar @param {number} share */
function drawProgress(bar, share) {
  bar.value = share;
  const label = bar.nextElementSibling;
  if (label) label.textContent = t("verify.reading", { percent: percent(share) });
}

/** @param {State & {is: "judged"}} state */
function judged({ file, report, facts, at, several }) {
  const asset = formatAsset(facts.asset);
  return [
    element(
      "article",
      { class: "certificate" },
      answerOf(report, "verdict"),
      particulars([
        [t("verify.file"), fileLine(file)],
        ...provenance(report),
        [t("verify.checked-at"), time(at)],
      ]),
      disclosed(report),
      several && element("p", { class: "note" }, t("verify.several")),
      checked(report),
      technical(report, facts),
    ),
    actions(report.verdict === "UNVERIFIABLE" || report.verdict === "PENDING",
      report.record ? `/assets/${asset}` : null),
  ];
}

/** @param {State & {is: "not-found"}} state */
function notFound({ file, digest, failed }) {
  const verdict = failed ? "UNVERIFIABLE" : "NOT_FOUND";
  const sentence = failed ? "verdict.LOOKUP_FAILED.sentence" : "verdict.NOT_FOUND.sentence";
  return [
    element(
      "article",
      { class: "certificate" },
      answer(verdict, { word: t(`verdict.${verdict}.word`), sentence: t(sentence) }),
      particulars([
        [t("verify.file"), fileLine(file)],
        [t("facts.sha256"), shortened(digest, t("facts.sha256"))],
      ]),
    ),
    actions(failed),
  ];
}

/** @param {boolean} retry @param {string | null} [record] */
function actions(retry, record = null) {
  const button = (/** @type {string} */ key, /** @type {string} */ look, /** @type {() => void} */ act) => {
    const made = element("button", { type: "button", class: look }, t(key));
    made.addEventListener("click", act);
    return made;
  };
  return element(
    "div",
    { class: "actions" },
    retry && button("verify.retry", "primary", () => void verification.again()),
    button("verify.again", retry ? "secondary" : "primary", () => {
      verification.reset();
      find("#file", HTMLInputElement).focus();
    }),
    record && element("a", { class: "button secondary", href: record }, t("verify.open-asset")),
    button("verify.print", "secondary", () => print()),
  );
}

/** @param {{name: string, size: number}} file */
function fileLine(file) {
  return t("verify.file.size", { name: file.name, size: size(file.size) });
}

/** @param {State} state what a screen reader says of it */
function spoken(state) {
  if (state.is === "judged") {
    return `${t(`verdict.${state.report.verdict}.word`)}. ${t(`verdict.${state.report.verdict}.sentence`)}`;
  }
  if (state.is === "not-found") {
    return t(state.failed ? "verdict.LOOKUP_FAILED.sentence" : "verdict.NOT_FOUND.sentence");
  }
  if (state.is === "unreadable") return t("verify.unreadable");
  return state.is === "idle" ? "" : t("verify.working");
}
