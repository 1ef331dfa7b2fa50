/**
 * Fields of a deal, each provable alone: SD-JWT disclosures (RFC 9901).
 * The twin of the reading half of nftsvc/core/disclosure.py, which lists the reasons of refusal.
 *
 * @typedef {import("./json.js").Json} Json
 * @typedef {{digest: string, name: string | null, value: Json}} Disclosure
 * @typedef {{path: string, digests: number}} Closed
 * @typedef {{value: Json, closed: Closed[]}} Revealed
 */

import { fromBase64url, toBase64url, utf8 } from "./encoding.js";
import { MAX_DEPTH, parse } from "./json.js";
import { sha256 } from "../vendor/hashes.js";

/** Disclosures that do not fit what they are said to open. */
export class InvalidDisclosure extends Error {
  /** @param {string} reason permanent */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** @param {string} encoded @returns {Disclosure} throws where it is none */
export function parseDisclosure(encoded) {
  const content = parse(Uint8Array.from(fromBase64url(encoded)));
  if (!Array.isArray(content) || typeof content[0] !== "string") throw new InvalidDisclosure("unreadable");
  const digest = toBase64url(sha256(utf8(encoded)));
  const [, first, second] = content;
  if (content.length === 2 && first !== undefined) return { digest, name: null, value: first };
  if (content.length === 3 && typeof first === "string" && second !== undefined) {
    return { digest, name: first, value: second };
  }
  throw new InvalidDisclosure("unreadable");
}

/** @param {Json} payload @param {Disclosure[]} disclosures @returns {Revealed} */
export function reveal(payload, disclosures) {
  const given = new Map(disclosures.map((disclosure) => [disclosure.digest, disclosure]));
  if (given.size !== disclosures.length) throw new InvalidDisclosure("repeated");
  const seen = new Set();
  const used = new Set();
  /** @type {Map<string, number>} */
  const closed = new Map();

  /** @param {Json | undefined} digest @param {string} path */
  function open(digest, path) {
    if (typeof digest !== "string" || seen.has(digest)) throw new InvalidDisclosure("repeated");
    seen.add(digest);
    const found = given.get(digest);
    if (found === undefined) closed.set(path, (closed.get(path) ?? 0) + 1);
    else used.add(digest);
    return found;
  }

  /** @param {Json} value @param {string} path @param {number} depth @returns {Json} */
  function walk(value, path, depth) {
    if (depth > MAX_DEPTH) throw new InvalidDisclosure("too-deep");
    if (Array.isArray(value)) return array(value, path, depth + 1);
    return value !== null && typeof value === "object" ? object(value, path, depth + 1) : value;
  }

  /** @param {{[name: string]: Json}} members @param {string} path @param {number} depth @returns {Json} */
  function object(members, path, depth) {
    /** @type {{[name: string]: Json}} */
    const shown = Object.create(null);
    for (const [name, value] of Object.entries(members)) {
      if (name === "_sd" || (name === "_sd_alg" && path === "")) continue;
      shown[name] = walk(value, join(path, name), depth);
    }
    const digests = Object.hasOwn(members, "_sd") ? members._sd : [];
    for (const digest of Array.isArray(digests) ? digests : []) {
      const found = open(digest, path);
      if (found === undefined) continue;
      const { name } = found;
      if (name === null) throw new InvalidDisclosure("misplaced");
      if (name === "_sd" || name === "...") throw new InvalidDisclosure("reserved-name");
      if (name in shown) throw new InvalidDisclosure("name-taken");
      shown[name] = walk(found.value, join(path, name), depth);
    }
    return shown;
  }

  /** @param {Json[]} items @param {string} path @param {number} depth @returns {Json} */
  function array(items, path, depth) {
    /** @type {Json[]} */
    const shown = [];
    for (const item of items) {
      const inside = `${path}[${shown.length}]`;
      const hidden = item !== null && typeof item === "object" && !Array.isArray(item)
        && Object.keys(item).join() === "...";
      if (!hidden) {
        shown.push(walk(item, inside, depth));
        continue;
      }
      const found = open(item["..."], path);
      if (found === undefined) continue;
      if (found.name !== null) throw new InvalidDisclosure("misplaced");
      shown.push(walk(found.value, inside, depth));
    }
    return shown;
  }

  const value = walk(payload, "", 0);
  if (used.size !== given.size) throw new InvalidDisclosure("foreign");
  return { value, closed: [...closed].map(([path, digests]) => ({ path, digests })) };
}

/** @param {string} path @param {string} name */
function join(path, name) {
  return path === "" ? name : `${path}.${name}`;
}
