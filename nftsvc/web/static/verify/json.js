/**
 * JSON that every reader reads alike: strict on the way in, RFC 8785 on the way out.
 * The twin of nftsvc/core/canonical.py, and refuses the same texts.
 *
 * @typedef {{[name: string]: Json} | Json[] | string | number | boolean | null} Json
 */

export const MAX_DEPTH = 32;

/** A text that is not JSON, or that two readers would read differently. */
export class InvalidJson extends Error {}

/** @param {Uint8Array} data @returns {Json} */
export function parse(data) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new InvalidJson("not UTF-8");
  }
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

/** The one text that RFC 8785 (JCS) gives. @param {Json} value @returns {string} */
export function dump(value) {
  if (Array.isArray(value)) return `[${value.map(dump).join(",")}]`;
  if (value !== null && typeof value === "object") {
    // The default order of strings is that of UTF-16 code units, as RFC 8785 asks.
    const members = Object.keys(value).sort();
    return `{${members.map((name) => `${JSON.stringify(name)}:${dump(value[name] ?? null)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

class Reader {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  /** @param {number} depth @returns {Json} */
  value(depth) {
    if (depth > MAX_DEPTH) throw new InvalidJson("nested too deeply");
    this.space();
    const next = this.text[this.at];
    if (next === "{") return this.object(depth);
    if (next === "[") return this.array(depth);
    if (next === '"') return this.string();
    const word = /true|false|null|-?(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
    word.lastIndex = this.at;
    const found = word.exec(this.text)?.[0];
    if (found === undefined) throw new InvalidJson(`cannot be read at ${this.at}`);
    this.at += found.length;
    const value = JSON.parse(found);
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new InvalidJson("an integer beyond 2^53 - 1");
    }
    return value;
  }

  /** @param {number} depth @returns {{[name: string]: Json}} */
  object(depth) {
    /** @type {{[name: string]: Json}} */
    const members = Object.create(null);
    this.at += 1;
    this.space();
    if (this.take("}")) return members;
    do {
      this.space();
      const name = this.string();
      if (name in members) throw new InvalidJson("a key stands twice");
      this.space();
      this.expect(":");
      members[name] = this.value(depth + 1);
      this.space();
    } while (this.take(","));
    this.expect("}");
    return members;
  }

  /** @param {number} depth @returns {Json[]} */
  array(depth) {
    /** @type {Json[]} */
    const items = [];
    this.at += 1;
    this.space();
    if (this.take("]")) return items;
    do {
      items.push(this.value(depth + 1));
      this.space();
    } while (this.take(","));
    this.expect("]");
    return items;
  }

  /** @returns {string} */
  string() {
    const quoted = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    quoted.lastIndex = this.at;
    const found = quoted.exec(this.text)?.[0];
    if (found === undefined) throw new InvalidJson(`no string at ${this.at}`);
    this.at += found.length;
    const value = JSON.parse(found);
    if (!value.isWellFormed()) throw new InvalidJson("half a character");
    return value;
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  /** @param {string} character */
  take(character) {
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  /** @param {string} character */
  expect(character) {
    if (!this.take(character)) throw new InvalidJson(`expected ${character} at ${this.at}`);
  }

  end() {
    this.space();
    if (this.at !== this.text.length) throw new InvalidJson("text after the value");
  }
}
