/**
 * A file with disclosed fields; the twin of `DisclosureFile` in nftsvc/core/handover.py.
 *
 * @typedef {{asset: import("./account.js").Asset, disclosures: string[]}} DisclosureFile
 */

import { parseAsset } from "./account.js";
import { parseDisclosure } from "./disclosure.js";
import { Fields, asText } from "./fields.js";
import { parse } from "./json.js";

export const SCHEMA = "nftsvc/disclosure/1";
export const MAX_BYTES = 4 * 1024 * 1024;

/** Whether a file wants to be read as one. @param {Uint8Array} data */
export function isDisclosureFile(data) {
  const text = new TextDecoder().decode(data);
  return text.trimStart().startsWith("{") && text.includes(SCHEMA);
}

/** @param {Uint8Array} data @returns {DisclosureFile} throws where it is none */
export function parseDisclosureFile(data) {
  const fields = new Fields(parse(data));
  if (fields.take("schema") !== SCHEMA) throw new RangeError("another schema");
  const disclosures = fields.array("disclosures").map(asText);
  if (disclosures.length === 0) throw new RangeError("nothing is disclosed");
  disclosures.forEach(parseDisclosure);
  return { asset: parseAsset(fields.text("asset")), disclosures };
}
