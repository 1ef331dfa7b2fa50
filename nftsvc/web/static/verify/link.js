/**
 * The link a buyer gets: `<page>/verify#a=<asset>&s=<salt>.<salt>`. What stands behind the `#`
 * stays in the browser.
 *
 * @typedef {{asset: import("./account.js").Asset, salts: Uint8Array[]}} VerificationLink
 */

import { SALT_BYTES } from "./commitment.js";
import { parseAsset } from "./account.js";
import { fromBase64url } from "./encoding.js";

export const MAX_SALTS = 64;

/** A link that says nothing readable. */
export class InvalidLink extends Error {}

/**
 * Read a whole link, its fragment, or a bare CAIP-19 asset id.
 * @param {string} text @returns {VerificationLink}
 */
export function parseLink(text) {
  const mark = text.indexOf("#");
  let fragment = mark < 0 ? text : text.slice(mark + 1);
  if (!fragment.includes("=")) fragment = `a=${fragment}`;
  /** @type {Map<string, string>} */
  const parts = new Map();
  for (const part of fragment.split("&")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(equals, 0));
    if (equals < 0 || parts.has(name)) throw new InvalidLink("a part cannot be read");
    parts.set(name, part.slice(equals + 1));
  }
  try {
    return { asset: parseAsset(parts.get("a") ?? ""), salts: readSalts(parts.get("s") ?? "") };
  } catch (error) {
    throw new InvalidLink("the link is damaged", { cause: error });
  }
}

/** @param {string} text @returns {Uint8Array[]} */
function readSalts(text) {
  if (text === "") return [];
  const salts = text.split(".").map(fromBase64url);
  if (salts.length > MAX_SALTS || salts.some((salt) => salt.length !== SALT_BYTES)) {
    throw new InvalidLink("a salt is cut off");
  }
  return salts;
}
