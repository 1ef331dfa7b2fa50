/** Reads one JSON object member by member; the twin of nftsvc/core/fields.py. */

/** @typedef {import("./json.js").Json} Json */

// What Python's str.strip() takes off: U+FEFF stays, unlike with trim().
const BLANK = /^[\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;
const HIDING = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;
const HIDING_IN_LINES = /(?!\n)[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

/** A member that is missing, unknown, or not what it must be. */
export class InvalidField extends Error {}

export class Fields {
  /** @type {Set<string>} */
  #taken = new Set();
  /** @type {{[name: string]: Json}} */
  #members;

  /** @param {Json | undefined} value */
  constructor(value) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new InvalidField("not an object");
    }
    this.#members = value;
  }

  /** @param {string} name */
  has(name) {
    return Object.hasOwn(this.#members, name) && this.#members[name] !== null;
  }

  /** @param {string} name @returns {NonNullable<Json>} */
  take(name) {
    this.#taken.add(name);
    const value = this.has(name) ? this.#members[name] : null;
    if (value === null || value === undefined) throw new InvalidField(`${name}: missing`);
    return value;
  }

  /** @param {string} name @param {{longest?: number, lines?: boolean}} [limits] */
  text(name, { longest = 200, lines = false } = {}) {
    const value = this.take(name);
    if (typeof value !== "string") throw new InvalidField(`${name}: not text`);
    if (BLANK.test(value) || Array.from(value).length > longest) {
      throw new InvalidField(`${name}: empty or too long`);
    }
    if ((lines ? HIDING_IN_LINES : HIDING).test(value)) {
      throw new InvalidField(`${name}: control character`);
    }
    return value;
  }

  /** @param {string} name @param {{longest?: number}} [limits] @returns {string | null} */
  optionalText(name, limits) {
    this.#taken.add(name);
    return this.has(name) ? this.text(name, limits) : null;
  }

  /** @param {string} name @param {RegExp} form @returns {string} */
  matching(name, form) {
    const value = this.take(name);
    if (typeof value !== "string" || !form.test(value)) {
      throw new InvalidField(`${name}: not in its form`);
    }
    return value;
  }

  /** @param {string} name @param {number} least @param {number} most */
  integer(name, least, most) {
    const value = this.take(name);
    if (typeof value !== "number" || value < least || value > most) {
      throw new InvalidField(`${name}: out of range`);
    }
    return value;
  }

  /** @param {string} name */
  object(name) {
    return new Fields(this.take(name));
  }

  /** @param {string} name @param {{least?: number, most?: number}} [limits] @returns {Json[]} */
  array(name, { least = 0, most = 4096 } = {}) {
    const value = this.take(name);
    if (!Array.isArray(value) || value.length < least || value.length > most) {
      throw new InvalidField(`${name}: not an array of the right length`);
    }
    return value;
  }

  end() {
    for (const name of Object.keys(this.#members)) {
      if (!this.#taken.has(name)) throw new InvalidField(`${name}: unknown`);
    }
  }
}

/** @param {string} name */
export function checkFileName(name) {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > 255 || /[/\\:*?"<>|]/.test(name) || /^[ .]|[ .]$/.test(name)) {
    throw new InvalidField("not a file name");
  }
}

/** @param {Json | undefined} value @returns {string} */
export function asText(value) {
  if (typeof value !== "string") throw new InvalidField("not text");
  return value;
}
