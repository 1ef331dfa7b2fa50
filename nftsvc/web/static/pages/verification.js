/**
 * The verification of one file, from the drop to the verdict, as states of one page.
 *
 * @typedef {import("../verify/rules.js").Report} Report
 * @typedef {import("../verify/rules.js").Facts} Facts
 * @typedef {import("../verify/link.js").VerificationLink} VerificationLink
 * @typedef {{name: string, size: number}} Named
 * @typedef {{is: "idle"}
 *   | {is: "reading", file: Named, share: number}
 *   | {is: "asking", file: Named}
 *   | {is: "judged", file: Named, report: Report, facts: Facts, at: Date, several: boolean}
 *   | {is: "not-found", file: Named, digest: string, failed: boolean}
 *   | {is: "unreadable", file: Named}} State
 */

import { gather, findAssets } from "../verify/facts.js";
import { MAX_BYTES, isDisclosureFile, parseDisclosureFile } from "../verify/handover.js";
import { hashFile } from "../verify/hash.js";
import { verify } from "../verify/rules.js";

/** @param {File} file what a file with disclosed fields holds, null where it is another file */
async function disclosed(file) {
  if (file.size > MAX_BYTES) return null;
  const data = new Uint8Array(await file.arrayBuffer());
  return isDisclosureFile(data) ? parseDisclosureFile(data) : null;
}

export class Verification {
  /** @type {State} */
  state = { is: "idle" };
  /** @type {AbortController} */
  #current = new AbortController();
  /** @type {File | null} */
  #file = null;

  /** @param {() => void} onChange */
  constructor(onChange) {
    /** @type {VerificationLink | null} */
    this.link = null;
    this.onChange = onChange;
  }

  reset() {
    this.#current.abort();
    this.#file = null;
    this.#become({ is: "idle" });
  }

  async again() {
    if (this.#file) await this.check(this.#file);
  }

  /** @param {File} file */
  async check(file) {
    this.#current.abort();
    const current = new AbortController();
    this.#current = current;
    this.#file = file;
    const show = (/** @type {State} */ state) => {
      if (!current.signal.aborted) this.#become(state);
    };
    show({ is: "reading", file, share: 0 });
    let digest;
    try {
      const fields = await disclosed(file);
      if (fields) {
        show({ is: "asking", file });
        const facts = await gather({ asset: fields.asset, salts: [] }, null, fields.disclosures);
        show({ is: "judged", file, report: verify(facts), facts, at: new Date(), several: false });
        return;
      }
      digest = await hashFile(
        file,
        (done) => show({ is: "reading", file, share: file.size ? done / file.size : 1 }),
        current.signal,
      );
    } catch {
      show({ is: "unreadable", file });
      return;
    }
    show({ is: "asking", file });
    show(await this.#judge(file, digest));
  }

  /** @param {File} file @param {string} digest @returns {Promise<State>} */
  async #judge(file, digest) {
    const judged = (/** @type {Facts} */ facts, several = false) => /** @type {State} */ ({
      is: "judged", file, report: verify(facts), facts, at: new Date(), several,
    });
    if (this.link) return judged(await gather(this.link, digest));
    let assets;
    try {
      assets = await findAssets(digest);
    } catch {
      return { is: "not-found", file, digest, failed: true };
    }
    /** @type {State | null} */
    let first = null;
    for (const asset of assets) {
      const state = judged(await gather({ asset, salts: [] }, digest), assets.length > 1);
      if (state.is === "judged" && state.report.verdict === "AUTHENTIC") return state;
      first ??= state;
    }
    return first ?? { is: "not-found", file, digest, failed: false };
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.onChange();
  }
}
