/**
 * Public documents, shown only after their bytes were fetched and checked on this device.
 *
 * @typedef {import("../verify/manifest.js").PublicDocument} PublicDocument
 * @typedef {"loading" | "checked" | "corrupt" | "unavailable"} MediaState
 */

import { CouldNotAsk, fetchBytes } from "../verify/fetching.js";
import { hashFile } from "../verify/hash.js";
import { element, icon } from "./dom.js";
import { t } from "./text.js";

const MAX_SHOWN = 256 * 1024 * 1024;
const FETCH_SECONDS = 300;

/** @type {Map<string, Promise<Blob>>} */
const fetched = new Map();

/** @param {PublicDocument} document */
export function isModel(document) {
  return document.mediaType === "model/gltf-binary";
}

/** @param {PublicDocument} document */
export function isPicture(document) {
  return ["image/png", "image/jpeg", "image/webp"].includes(document.mediaType);
}

/**
 * The document's bytes, which have the sha256 on record. Throws `CouldNotAsk`.
 * @param {PublicDocument} document @returns {Promise<Blob>}
 */
export function checkedBytes(document) {
  let blob = fetched.get(document.sha256);
  if (blob === undefined) {
    blob = load(document);
    fetched.set(document.sha256, blob);
    blob.catch(() => fetched.delete(document.sha256));
  }
  return blob;
}

/** @param {PublicDocument} document */
async function load(document) {
  const most = Math.min(document.size, MAX_SHOWN);
  const bytes = await fetchBytes(`/v1/content/${document.cid}`, {}, most, FETCH_SECONDS);
  const blob = new Blob([bytes], { type: document.mediaType });
  if ((await hashFile(blob, () => {})) !== document.sha256) throw new CouldNotAsk("content-corrupt");
  return blob;
}

/**
 * A picture or a 3D model in its frame. While it is fetched and checked, the service's own preview
 * stands there, and the caption says so.
 * @param {PublicDocument} document @param {string} preview its address @returns {HTMLElement}
 */
export function figure(document, preview) {
  const poster = element("img", { class: "preview", src: preview, alt: "" });
  const stage = element("div", { class: "stage" }, element("span", { class: "pulse" }), poster);
  poster.addEventListener("error", () => poster.remove());
  const caption = element("p", { class: "media-state" });
  const box = element(
    "figure",
    { class: isModel(document) ? "model" : "picture" },
    stage,
    element("figcaption", {}, element("span", { class: "name" }, document.name), caption),
  );
  const say = (/** @type {MediaState} */ state) => {
    box.dataset.state = state;
    caption.replaceChildren(
      icon(state === "checked" ? "check" : state === "loading" ? "clock" : "question"),
      t(`asset.media.${state}`),
    );
  };
  say("loading");
  checkedBytes(document).then(
    async (blob) => {
      const address = URL.createObjectURL(blob);
      stage.replaceChildren(await shown(document, address, preview, caption));
      say("checked");
      if (isModel(document)) caption.after(element("p", { class: "hint" }, t("asset.model.hint")));
    },
    (error) => {
      stage.replaceChildren(icon("question"));
      const lied = error instanceof CouldNotAsk && ["content-corrupt", "answer-too-large"].includes(error.code);
      say(lied ? "corrupt" : "unavailable");
    },
  );
  return box;
}

/**
 * @param {PublicDocument} document @param {string} address @param {string} preview
 * @param {HTMLElement} caption
 */
async function shown(document, address, preview, caption) {
  if (!isModel(document)) {
    return element("img", { src: address, alt: t("asset.picture.alt", { name: document.name }) });
  }
  await import("../vendor/model-viewer.js");
  const viewer = globalThis.document.createElement("model-viewer");
  for (const [name, value] of [
    ["src", address],
    ["poster", preview],
    ["alt", t("asset.model.alt", { name: document.name })],
    ["camera-controls", ""],
    ["touch-action", "pan-y"],
    ["interaction-prompt", "none"],
    ["shadow-intensity", "0.6"],
    ["environment-image", "neutral"],
    ["camera-orbit", "35deg 72deg auto"],
  ]) {
    viewer.setAttribute(String(name), String(value));
  }
  // An empty slot takes the place of the viewer's own bar: the bytes are here already.
  viewer.append(element("span", { slot: "progress-bar" }));
  viewer.addEventListener("load", () => viewer.toggleAttribute("data-shown", true));
  viewer.addEventListener("error", () => {
    caption.replaceChildren(icon("question"), t("asset.media.undrawable"));
  });
  return viewer;
}

/** Fetch, check, then hand the file to the browser's downloads. @param {PublicDocument} document */
export async function save(document) {
  const address = URL.createObjectURL(await checkedBytes(document));
  element("a", { href: address, download: document.name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
