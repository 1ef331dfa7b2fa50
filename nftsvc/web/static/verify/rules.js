/**
 * The verdict: facts in, report out. No network, no clock.
 *
 * The twin of nftsvc/core/verify.py, whose head lists the numbered checks and the order in which
 * they decide; both pass tests/vectors/verdicts.json. Comments refer to the checks by number.
 *
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {"AUTHENTIC" | "SUPERSEDED" | "SUSPENDED" | "REVOKED" | "PENDING" | "MISMATCH" | "UNKNOWN"
 *   | "UNTRUSTED_ISSUER" | "UNVERIFIABLE"} Verdict
 * @typedef {"valid" | "invalid" | "error" | "skipped"} Result
 * @typedef {{number: number, name: string, result: Result, code: string}} Check
 * @typedef {{status: "unknown" | "active" | "suspended" | "revoked", holder: string, issuer: string,
 *   issuerTrusted: boolean, version: number, digest: string, issuedAt: number, headBlock: number}} TokenRecord
 * @typedef {{block: {number: number, hash: string}, record: TokenRecord}} RecordAtBlock
 * @typedef {{endpoint: string, chainId: number, finalized: RecordAtBlock, latest: RecordAtBlock}} Observation
 * @typedef {{endpoint: string, error: string}} Silence
 * @typedef {{asset: import("./account.js").Asset, document: string | null, salts: Uint8Array[],
 *   disclosures: string[],
 *   quorum: number, observations: (Observation | Silence)[], manifests: Uint8Array[],
 *   manifestError: string | null, trust: import("./trust.js").TrustList | null}} Facts
 * @typedef {{verdict: Verdict, checks: Check[], issuer: import("./trust.js").TrustedIssuer | null,
 *   record: TokenRecord | null, manifest: Manifest | null, documentName: string | null,
 *   documentVersion: number | null, fields: import("./disclosure.js").Revealed | null}} Report
 */

import { digestOf } from "./account.js";
import { commit, saltDigest } from "./commitment.js";
import { InvalidDisclosure, parseDisclosure, reveal } from "./disclosure.js";
import { toHex } from "./encoding.js";
import { isPublic, parseManifest } from "./manifest.js";
import { issuerOf } from "./trust.js";
import { sha256 } from "../vendor/hashes.js";

export const CHECKS = /** @type {const} */ ([
  "chain-answers",
  "chain-agreement",
  "token-exists",
  "issuer-trusted",
  "manifest-intact",
  "document-matches",
  "token-active",
  "token-final",
  "fields-proven",
]);

/** @typedef {typeof CHECKS[number]} CheckName */

const NOT_REACHED = "not-reached";

/** @param {Facts} facts @returns {Report} */
export function verify(facts) {
  const answers = facts.observations.filter(isAnswer);
  const checks = [chainAnswers(facts, answers)];
  checks.push(
    checks[0]?.result === "valid" ? chainAgreement(answers) : skip("chain-agreement"),
  );
  if (checks.some((c) => c.result !== "valid")) return report(checks);

  const latest = answers.map((answer) => answer.latest.record);
  const record = currentRecord(facts.observations);
  if (record === null) return report([...checks, check("token-exists", "invalid", "token-unknown")]);
  checks.push(check("token-exists", "valid", "token-exists"));

  const { trusted, issuer } = issuerTrusted(facts, record, latest);
  const { intact, manifests, stopped } = manifestIntact(facts, record);
  const { matches, name, version } = documentMatches(facts, intact.result, manifests, stopped);
  const { proven, fields, version: fieldsVersion } = fieldsProven(facts, intact.result, manifests, stopped);
  const isFinal = answers[0]?.finalized.record.status !== "unknown";
  checks.push(
    trusted,
    intact,
    matches,
    tokenActive([record, ...latest]),
    isFinal ? check("token-final", "valid", "final") : check("token-final", "invalid", "not-final"),
    proven,
  );
  return {
    ...report(checks),
    issuer,
    record,
    manifest: manifests[0] ?? null,
    documentName: name,
    documentVersion: version ?? fieldsVersion,
    fields,
  };
}

/**
 * The record that a verdict is about: the final one, else the newest that an endpoint knows.
 * @param {(Observation | Silence)[]} observations @returns {TokenRecord | null}
 */
export function currentRecord(observations) {
  const answers = observations.filter(isAnswer);
  const final = answers[0]?.finalized.record;
  if (final !== undefined && final.status !== "unknown") return final;
  const known = answers.map((a) => a.latest.record).filter((r) => r.status !== "unknown");
  return known.reduce(
    (/** @type {TokenRecord | null} */ best, r) => (best && best.headBlock >= r.headBlock ? best : r),
    null,
  );
}

/** @param {Observation | Silence} observation @returns {observation is Observation} */
export function isAnswer(observation) {
  return !("error" in observation);
}

/** @param {Facts} facts @param {Observation[]} answers */
function chainAnswers(facts, answers) {
  // 1
  if (facts.observations.length === 0) return check("chain-answers", "error", "chain-not-configured");
  if (answers.some((answer) => answer.chainId !== facts.asset.chainId)) {
    return check("chain-answers", "error", "wrong-chain");
  }
  return answers.length < Math.max(1, facts.quorum)
    ? check("chain-answers", "error", "too-few-endpoints")
    : check("chain-answers", "valid", "answered");
}

/** @param {Observation[]} answers */
function chainAgreement(answers) {
  // 2
  const said = new Set(answers.map(({ finalized }) => JSON.stringify(inOrder(finalized))));
  return said.size > 1
    ? check("chain-agreement", "error", "endpoints-disagree")
    : check("chain-agreement", "valid", "agreed");
}

/** @param {RecordAtBlock} at */
function inOrder({ block, record: r }) {
  return [block.number, block.hash, r.status, r.holder, r.issuer, r.issuerTrusted, r.version, r.digest,
    r.issuedAt, r.headBlock];
}

/** @param {Facts} facts @param {TokenRecord} record @param {TokenRecord[]} latest */
function issuerTrusted(facts, record, latest) {
  // 4
  const ended = (/** @type {Result} */ result, /** @type {string} */ code, issuer = null) => ({
    trusted: check("issuer-trusted", result, code),
    issuer: /** @type {import("./trust.js").TrustedIssuer | null} */ (issuer),
  });
  if (facts.trust === null) return ended("error", "no-trust-list");
  const issuer = issuerOf(facts.trust, facts.asset, record.issuer);
  if (issuer === null) return ended("invalid", "issuer-not-listed");
  const known = [record, ...latest.filter((r) => r.status !== "unknown")];
  const kept = known.every((r) => r.issuerTrusted);
  return { ...(kept ? ended("valid", "issuer-listed") : ended("invalid", "issuer-distrusted")), issuer };
}

/** @param {Facts} facts @param {TokenRecord} record */
function manifestIntact(facts, record) {
  // 5: the current manifest, then the row of earlier ones as far as digests carry
  /** @type {Manifest[]} */
  const manifests = [];
  let expected = /** @type {string | null} */ (record.digest);
  let version = record.version;
  const read = (/** @type {string | null} */ stopped) => ({
    intact: manifests.length
      ? check("manifest-intact", "valid", "intact")
      : check("manifest-intact", "error", stopped ?? "content-missing"),
    manifests,
    stopped,
  });
  for (const data of facts.manifests) {
    if (expected === null) break;
    if (toHex(sha256(data)) !== expected) return read("content-corrupt");
    let manifest;
    try {
      manifest = parseManifest(data);
    } catch {
      return read("manifest-unreadable");
    }
    const fault = contradiction(facts, record, manifest, expected, version);
    if (fault !== null) {
      const intact = check("manifest-intact", "invalid", fault);
      return manifests.length ? read(fault) : { intact, manifests: [], stopped: fault };
    }
    manifests.push(manifest);
    expected = manifest.previous;
    version -= 1;
  }
  return read(expected === null ? null : facts.manifestError ?? "content-missing");
}

/**
 * Why an anchored manifest cannot be of this asset, null where it can.
 * @param {Facts} facts @param {TokenRecord} record @param {Manifest} manifest
 * @param {string} digest @param {number} version
 */
function contradiction(facts, record, manifest, digest, version) {
  if (manifest.issuer.chainId !== facts.asset.chainId) return "manifest-of-other-chain";
  if (manifest.version !== version) return "manifest-of-other-version";
  // The contract names who anchored the newest version; an older one may be a colleague's.
  const isNewest = version === record.version;
  if (isNewest && manifest.issuer.address !== record.issuer) return "manifest-of-other-issuer";
  if (version === 1 && digest !== digestOf(facts.asset.tokenId)) return "manifest-of-other-token";
  return null;
}

/**
 * @param {Facts} facts @param {Result} intact @param {Manifest[]} manifests
 * @param {string | null} stopped
 */
function documentMatches(facts, intact, manifests, stopped) {
  // 6
  const ended = (
    /** @type {Result} */ result,
    /** @type {string} */ code,
    /** @type {string | null} */ name = null,
    /** @type {number | null} */ version = null,
  ) => ({ matches: check("document-matches", result, code), name, version });
  const digest = facts.document;
  if (digest === null) return ended("skipped", "no-file");
  if (intact === "invalid") return ended("skipped", NOT_REACHED);
  if (manifests.length === 0) return ended("error", NOT_REACHED);
  const salts = new Map(facts.salts.map((salt) => [saltDigest(salt), salt]));
  let closed = false;
  for (const manifest of manifests) {
    for (const document of manifest.documents) {
      let found;
      if (isPublic(document)) {
        found = document.sha256 === digest;
      } else {
        const salt = salts.get(document.saltSha256);
        closed ||= salt === undefined;
        found = salt !== undefined && commit(digest, salt) === document.commitment;
      }
      if (found && manifest === manifests[0]) {
        return ended("valid", "matches", document.name, manifest.version);
      }
      if (found) return ended("invalid", "older-version", document.name, manifest.version);
    }
  }
  if (closed) return ended("error", facts.salts.length ? "salt-foreign" : "salt-missing");
  return stopped === null ? ended("invalid", "differs") : ended("error", stopped);
}

/**
 * @param {Facts} facts @param {Result} intact @param {Manifest[]} manifests
 * @param {string | null} stopped
 */
function fieldsProven(facts, intact, manifests, stopped) {
  // 9
  const ended = (
    /** @type {Result} */ result,
    /** @type {string} */ code,
    /** @type {import("./disclosure.js").Revealed | null} */ fields = null,
    /** @type {number | null} */ version = null,
  ) => ({ proven: check("fields-proven", result, code), fields, version });
  if (facts.disclosures.length === 0) return ended("skipped", "no-fields");
  let disclosures;
  try {
    disclosures = facts.disclosures.map(parseDisclosure);
  } catch {
    return ended("invalid", "field-unreadable");
  }
  if (intact === "invalid") return ended("skipped", NOT_REACHED);
  if (manifests.length === 0) return ended("error", NOT_REACHED);
  for (const manifest of manifests) {
    let shown;
    try {
      shown = reveal({ _sd: manifest.disclosures }, disclosures);
    } catch (error) {
      if (!(error instanceof InvalidDisclosure)) throw error;
      if (error.reason !== "foreign") return ended("invalid", `field-${error.reason}`);
      continue;
    }
    return manifest === manifests[0]
      ? ended("valid", "proven", shown, manifest.version)
      : ended("invalid", "fields-of-older-version", shown, manifest.version);
  }
  return stopped === null ? ended("invalid", "field-foreign") : ended("error", stopped);
}

/** @param {TokenRecord[]} records */
function tokenActive(records) {
  // 7
  for (const status of /** @type {const} */ (["revoked", "suspended"])) {
    if (records.some((record) => record.status === status)) {
      return check("token-active", "invalid", status);
    }
  }
  return check("token-active", "valid", "active");
}

/** @param {CheckName} name @param {Result} result @param {string} code @returns {Check} */
function check(name, result, code) {
  return { number: CHECKS.indexOf(name) + 1, name, result, code };
}

/** @param {CheckName} name */
function skip(name) {
  return check(name, "skipped", NOT_REACHED);
}

/** @param {Check[]} checks the rest is skipped @returns {Report} */
function report(checks) {
  const all = [...checks, ...CHECKS.slice(checks.length).map(skip)];
  return {
    verdict: decide(all),
    checks: all,
    issuer: null,
    record: null,
    manifest: null,
    documentName: null,
    documentVersion: null,
    fields: null,
  };
}

/** @param {Check[]} checks @returns {Verdict} */
function decide(checks) {
  const is = (/** @type {CheckName} */ name, /** @type {Result} */ result, code = "") =>
    checks.some((c) => c.name === name && c.result === result && (code === "" || c.code === code));
  const olderFields = is("fields-proven", "invalid", "fields-of-older-version");
  /** @type {[boolean, Verdict][]} */
  const rules = [
    [is("chain-answers", "error") || is("chain-agreement", "error"), "UNVERIFIABLE"],
    [is("token-exists", "invalid"), "UNKNOWN"],
    [is("issuer-trusted", "invalid"), "UNTRUSTED_ISSUER"],
    [is("document-matches", "invalid", "differs"), "MISMATCH"],
    [is("fields-proven", "invalid") && !olderFields, "MISMATCH"],
    [is("token-active", "invalid", "revoked"), "REVOKED"],
    [is("token-active", "invalid", "suspended"), "SUSPENDED"],
    [checks.some((c) => c.result === "error"), "UNVERIFIABLE"],
    [is("manifest-intact", "invalid"), "MISMATCH"],
    [is("document-matches", "invalid", "older-version") || olderFields, "SUPERSEDED"],
    [is("token-final", "invalid"), "PENDING"],
  ];
  return rules.find(([holds]) => holds)?.[1] ?? "AUTHENTIC";
}
