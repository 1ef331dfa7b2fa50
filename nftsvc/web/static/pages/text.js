/**
 * The page's words: one catalogue per language, numbers and dates by `Intl`.
 *
 * @typedef {"en" | "ko"} Language
 */

import { element } from "./dom.js";

const LANGUAGES = /** @type {const} */ (["en", "ko"]);
const YEAR_SECONDS = 365 * 24 * 3600;

/** @type {Map<Language, {[key: string]: string}>} */
const catalogues = new Map();
/** @type {(() => void)[]} */
const drawn = [];

/** @returns {Language} */
export function language() {
  return document.documentElement.lang === "ko" ? "ko" : "en";
}

/** Fetch the catalogue of the page's language. */
export async function loadText() {
  await load(language());
}

/** The sentence of `key`. @param {string} key @param {{[name: string]: string}} [values] */
export function t(key, values = {}) {
  const text = catalogues.get(language())?.[key];
  if (text === undefined) throw new Error(`no text for ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** @param {string} key */
export function hasText(key) {
  return catalogues.get(language())?.[key] !== undefined;
}

/** Draw now, and again whenever the language changes. @param {() => void} draw */
export function drawWithLanguage(draw) {
  drawn.push(draw);
  draw();
}

/** Let the language links switch in place: the file that was dropped is not lost. */
export function enableLanguageSwitch() {
  for (const link of document.querySelectorAll("a[data-language]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      void switchTo(link.getAttribute("data-language") === "ko" ? "ko" : "en");
    });
  }
}

/** @param {Language} to */
async function switchTo(to) {
  await load(to);
  document.documentElement.lang = to;
  document.cookie = `language=${to}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  const address = new URL(location.href);
  address.searchParams.set("lang", to);
  history.replaceState(history.state, "", address);
  for (const marked of document.querySelectorAll("[data-text]")) {
    marked.textContent = t(marked.getAttribute("data-text") ?? "");
  }
  for (const marked of document.querySelectorAll("[data-label]")) {
    marked.setAttribute("aria-label", t(marked.getAttribute("data-label") ?? ""));
  }
  const title = document.documentElement.dataset.title;
  if (title) document.title = t(title);
  for (const link of document.querySelectorAll("a[data-language]")) {
    if (link.getAttribute("data-language") === to) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const draw of drawn) draw();
}

/** @param {Language} of */
async function load(of) {
  if (catalogues.has(of) || !LANGUAGES.includes(of)) return;
  const response = await fetch(`/static/messages/${of}.json`);
  catalogues.set(of, await response.json());
}

/** @param {number | string | Date} at @returns {HTMLElement} the time in the reader's zone, named */
export function time(at) {
  const date = new Date(at);
  const format = new Intl.DateTimeFormat(language(), {
    dateStyle: "long",
    timeStyle: "medium",
  });
  const zone = new Intl.DateTimeFormat(language(), { timeZoneName: "short" })
    .formatToParts(date)
    .find((part) => part.type === "timeZoneName")?.value;
  return element("time", { datetime: date.toISOString() }, `${format.format(date)} ${zone ?? ""}`);
}

/** @param {number} bytes */
export function size(bytes) {
  const units = /** @type {const} */ (["byte", "kilobyte", "megabyte", "gigabyte"]);
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  return new Intl.NumberFormat(language(), {
    style: "unit",
    unit: units[step] ?? "byte",
    unitDisplay: step === 0 ? "long" : "short",
    maximumFractionDigits: step === 0 ? 0 : 1,
  }).format(bytes / 1000 ** step);
}

/** @param {number} value */
export function wholeNumber(value) {
  return new Intl.NumberFormat(language()).format(value);
}

/** @param {string} code ISO 3166-1 alpha-2 */
export function country(code) {
  const names = new Intl.DisplayNames(language(), { type: "region", fallback: "code" });
  return /^[A-Z]{2}$/.test(code) ? (names.of(code) ?? code) : code;
}

/** @param {number} share 0 to 1 */
export function percent(share) {
  return new Intl.NumberFormat(language(), { style: "percent" }).format(share);
}

/** @param {import("../verify/trust.js").TrustedIssuer} issuer */
export function issuerName(issuer) {
  return language() === "ko" ? (issuer.nameKo ?? issuer.name) : issuer.name;
}
