/** CIDs as manifests write them: CIDv0 in base58, CIDv1 in base32, over sha2-256. */

import { equalBytes } from "./encoding.js";

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RAW = 0x55;
const DAG_PB = 0x70;

/** Whether `text` is the usual spelling of a CID that this service reads. @param {string} text */
export function isCid(text) {
  if (text.length > 128) return false;
  return text.startsWith("Qm") ? isV0(text) : text.startsWith("b") && isV1(text.slice(1));
}

/** The content name of a manifest. @param {string} digest hex @returns {string} CIDv1 in base16 */
export function manifestCid(digest) {
  return `f01551220${digest}`;
}

/** @param {string} text */
function isV0(text) {
  let value = 0n;
  for (const character of text) {
    const digit = BASE58.indexOf(character);
    if (digit < 0) return false;
    value = value * 58n + BigInt(digit);
  }
  const hex = value.toString(16);
  return hex.length === 68 && hex.startsWith("1220");
}

/** @param {string} text */
function isV1(text) {
  if (text.length !== 58) return false;
  const bytes = [];
  let bits = 0;
  let held = 0;
  for (const character of text) {
    const digit = BASE32.indexOf(character);
    if (digit < 0) return false;
    bits = ((bits << 5) | digit) & 0xfff;
    held += 5;
    if (held >= 8) {
      held -= 8;
      bytes.push((bits >> held) & 0xff);
    }
  }
  const loose = bits & ((1 << held) - 1);
  const [version, codec, ...hash] = bytes;
  const known = codec === RAW || codec === DAG_PB;
  const head = Uint8Array.from(hash.slice(0, 2));
  return loose === 0 && version === 1 && known && equalBytes(head, Uint8Array.of(0x12, 0x20));
}
