/**
 * The manifest: the public, canonical record of one version of one asset.
 * The twin of nftsvc/core/manifest.py, which describes the layout; it refuses the same bytes.
 *
 * @typedef {import("./json.js").Json} Json
 * @typedef {{name: string, mediaType: string, size: number, cid: string, sha256: string}} PublicDocument
 * @typedef {{name: string, mediaType: string, size: number, cid: string, commitment: string,
 *   saltSha256: string, encryption: string}} SealedDocument
 * @typedef {PublicDocument | SealedDocument} Document
 * @typedef {{kind: "export-contract" | "product-content", reference: string,
 *   issuer: import("./account.js").Account, issuedAt: string, version: number,
 *   previous: string | null, name: string, description: string, documents: Document[],
 *   attributes: {trait_type: string, value: Json}[], disclosures: string[], links: string[]}} Manifest
 */

import { formatAccount, formatAsset, parseAccount, parseAsset } from "./account.js";
import { isCid } from "./cid.js";
import { equalBytes, utf8 } from "./encoding.js";
import { Fields, InvalidField, asText, checkFileName } from "./fields.js";
import { dump, parse } from "./json.js";

export const MAX_BYTES = 256 * 1024;
const SCHEMA = "nftsvc/manifest/1";
const AGE = "age-encryption.org/v1";
const HEX_32 = /^[0-9a-f]{32}$/;
const HEX_64 = /^[0-9a-f]{64}$/;

/** @param {Uint8Array} data @returns {Manifest} throws where the bytes are no manifest */
export function parseManifest(data) {
  if (data.length > MAX_BYTES) throw new InvalidField("the manifest is too large");
  const fields = new Fields(parse(data));
  const manifest = read(fields);
  fields.end();
  if (!equalBytes(utf8(encode(manifest)), data)) {
    throw new InvalidField("not the canonical form of a manifest");
  }
  return manifest;
}

/** @param {Document} document @returns {document is PublicDocument} */
export function isPublic(document) {
  return "sha256" in document;
}

/** @param {Manifest} manifest @returns {string} */
function encode(manifest) {
  /** @type {{[name: string]: Json}} */
  const members = {
    schema: SCHEMA,
    kind: manifest.kind,
    reference: manifest.reference,
    issuer: formatAccount(manifest.issuer),
    issuedAt: manifest.issuedAt,
    version: manifest.version,
    name: manifest.name,
    description: manifest.description,
    attributes: manifest.attributes,
    documents: manifest.documents,
    disclosures: { _sd_alg: "sha-256", _sd: manifest.disclosures },
    links: manifest.links,
  };
  if (manifest.previous !== null) members.previous = manifest.previous;
  for (const [member, shown] of /** @type {const} */ ([
    ["image", /^image\//],
    ["animation_url", /^(?:model|video)\//],
  ])) {
    const found = manifest.documents.find((d) => isPublic(d) && shown.test(d.mediaType));
    if (found !== undefined) members[member] = `ipfs://${found.cid}`;
  }
  return dump(members);
}

/** @param {Fields} fields @returns {Manifest} */
function read(fields) {
  expect(fields, "schema", SCHEMA);
  const disclosures = fields.object("disclosures");
  expect(disclosures, "_sd_alg", "sha-256");
  for (const derived of ["image", "animation_url"]) fields.optionalText(derived);
  const version = fields.integer("version", 1, 1023);
  const kind = fields.take("kind");
  if (kind !== "export-contract" && kind !== "product-content") throw new InvalidField("kind");
  /** @type {Manifest} */
  const manifest = {
    kind,
    reference: fields.matching("reference", HEX_32),
    issuer: parseAccount(fields.text("issuer")),
    issuedAt: readInstant(fields.text("issuedAt", { longest: 40 })),
    name: fields.text("name", { longest: 300 }),
    description: fields.text("description", { longest: 2000, lines: true }),
    documents: fields.array("documents").map((item) => readDocument(new Fields(item))),
    version,
    previous: version > 1 ? fields.matching("previous", HEX_64) : null,
    attributes: fields.array("attributes").map((item) => readAttribute(new Fields(item))),
    disclosures: disclosures.array("_sd").map(asText),
    links: fields.array("links").map((item) => formatAsset(parseAsset(asText(item)))),
  };
  disclosures.end();
  return manifest;
}

/** @param {Fields} fields @returns {Document} */
function readDocument(fields) {
  const name = fields.text("name");
  checkFileName(name);
  const common = {
    name,
    mediaType: fields.text("mediaType"),
    size: fields.integer("size", 0, Number.MAX_SAFE_INTEGER),
    cid: fields.text("cid"),
  };
  if (!isCid(common.cid)) throw new InvalidField("not a CID");
  /** @type {Document} */
  let document;
  if (fields.has("sha256")) {
    document = { ...common, sha256: fields.matching("sha256", HEX_64) };
  } else {
    expect(fields, "encryption", AGE);
    document = {
      ...common,
      commitment: fields.matching("commitment", HEX_64),
      saltSha256: fields.matching("saltSha256", HEX_64),
      encryption: AGE,
    };
  }
  fields.end();
  return document;
}

/** @param {Fields} fields */
function readAttribute(fields) {
  const attribute = { trait_type: fields.text("trait_type"), value: fields.take("value") };
  fields.end();
  return attribute;
}

/** @param {string} text ISO 8601 to the second, with its offset @returns {string} */
function readInstant(text) {
  const form =
    /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?!-00:00$)[+-](?:[01]\d|2[0-3]):[0-5]\d(?::(?!00)[0-5]\d)?$/;
  const [, year, month, day] = (form.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined || year === 0) {
    throw new InvalidField("not a time");
  }
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) {
    throw new InvalidField("no such day");
  }
  return text;
}

/** @param {Fields} fields @param {string} name @param {string} value */
function expect(fields, name, value) {
  if (fields.take(name) !== value) throw new InvalidField(`${name}: unsupported`);
}
