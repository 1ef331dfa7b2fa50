/** Salted commitments: a document is named without being findable by guessing its text. */

import { sha256 } from "../vendor/hashes.js";
import { concat, fromHex, toHex } from "./encoding.js";

export const SALT_BYTES = 16;

/**
 * sha256(salt || digest) @param {string} digest hex @param {Uint8Array} salt @returns {string} hex
 */
export function commit(digest, salt) {
  return toHex(sha256(concat(salt, fromHex(digest))));
}

/** @param {Uint8Array} salt @returns {string} hex */
export function saltDigest(salt) {
  return toHex(sha256(salt));
}
