/** Names and values side by side; long hashes shortened in the middle, with a copy button. */

import { element, icon } from "./dom.js";
import { t } from "./text.js";

const KEPT_HEAD = 10;
const KEPT_TAIL = 8;

/** @param {[string, import("./dom.js").Child][]} rows @returns {HTMLElement} */
export function particulars(rows) {
  return element(
    "dl",
    { class: "particulars" },
    ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

/** @param {string} value @param {string} name what it is, for the copy button */
export function shortened(value, name) {
  const short = value.length > KEPT_HEAD + KEPT_TAIL + 1
    ? `${value.slice(0, KEPT_HEAD)}…${value.slice(-KEPT_TAIL)}`
    : value;
  const label = element("span", { class: "copy-label" }, t("facts.copy"));
  const button = element(
    "button",
    { type: "button", class: "copy", "aria-label": t("facts.copy.of", { name }) },
    icon("copy"),
    label,
  );
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(value);
    label.textContent = t("facts.copied");
    button.setAttribute("aria-label", t("facts.copied"));
    setTimeout(() => {
      label.textContent = t("facts.copy");
      button.setAttribute("aria-label", t("facts.copy.of", { name }));
    }, 2000);
  });
  return element(
    "span",
    { class: "hash" },
    element("code", { title: value, class: "short" }, short),
    element("code", { class: "whole" }, value),
    button,
  );
}
