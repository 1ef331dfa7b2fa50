/**
 * Gathers the facts of a verdict: the chain from its RPC endpoints, everything else from this
 * service, which is only a source of bytes that are checked.
 *
 * @typedef {{chains: {chainId: number, rpc: string[], name: string, confirmationDepth?: number}[],
 *   quorum: number}} Network
 * @typedef {import("./rules.js").Facts} Facts
 */

import { parseAsset } from "./account.js";
import { observe } from "./chain.js";
import { manifestCid } from "./cid.js";
import { toHex } from "./encoding.js";
import { CouldNotAsk, fetchBytes } from "./fetching.js";
import { Fields, asText } from "./fields.js";
import { parse } from "./json.js";
import { MAX_BYTES, parseManifest } from "./manifest.js";
import { currentRecord } from "./rules.js";
import { readTrust } from "./trust.js";
import { sha256 } from "../vendor/hashes.js";

const MAX_LIST = 4 * 1024 * 1024;
const MAX_CANDIDATES = 8;

/**
 * @param {import("./link.js").VerificationLink} link
 * @param {string | null} document sha256 of the file in hex, null where only the token is asked about
 * @param {string[]} [disclosures] fields that were disclosed
 * @returns {Promise<Facts>}
 */
export async function gather({ asset, salts }, document, disclosures = []) {
  const [network, trust] = await Promise.all([orNull(readNetwork), orNull(fetchTrust)]);
  const chain = network?.chains.find(({ chainId }) => chainId === asset.chainId);
  const observations = network === null
    ? [{ endpoint: location.origin, error: "chains-unknown" }]
    : await observe(asset, chain?.rpc ?? [], chain?.confirmationDepth);
  const record = currentRecord(observations);
  const row = record === null ? { manifests: [], manifestError: null } : await manifestRow(record);
  return { asset, salts, document, disclosures, quorum: network?.quorum ?? 1, observations, trust, ...row };
}

/**
 * The public assets that this service knows a file in: a hint, the verdict checks it.
 * @param {string} document sha256 in hex @returns {Promise<import("./account.js").Asset[]>}
 */
export async function findAssets(document) {
  const fields = new Fields(await fetchJson(`/v1/documents?sha256=${document}`));
  return fields.array("assets").slice(0, MAX_CANDIDATES).map((item) => parseAsset(asText(item)));
}

/** Bytes by their name, checked against `sha256`. @param {string} cid @param {string} digest hex
 * @param {number} most bytes @param {number} [seconds] */
export async function fetchContent(cid, digest, most, seconds) {
  let data;
  try {
    data = await fetchBytes(`/v1/content/${cid}`, {}, most, seconds);
  } catch (error) {
    const missing = error instanceof CouldNotAsk && error.code === "not-found";
    throw new CouldNotAsk(missing ? "content-missing" : "content-unavailable", error);
  }
  if (toHex(sha256(data)) !== digest) throw new CouldNotAsk("content-corrupt");
  return data;
}

/** @returns {Promise<Network>} */
export async function readNetwork() {
  const answer = /** @type {any} */ (await fetchJson("/v1/chains"));
  const readable = Array.isArray(answer?.chains) && Number.isSafeInteger(answer.quorum);
  if (!readable) throw new CouldNotAsk("bad-answer");
  return answer;
}

/** The current manifest, then each earlier one as far as they can be had.
 * @param {import("./rules.js").TokenRecord} record */
async function manifestRow(record) {
  const manifests = [];
  let digest = /** @type {string | null} */ (record.digest);
  try {
    while (digest !== null && manifests.length < record.version) {
      const data = await fetchContent(manifestCid(digest), digest, MAX_BYTES);
      manifests.push(data);
      digest = previousOf(data);
    }
  } catch (error) {
    const manifestError = error instanceof CouldNotAsk ? error.code : "content-unavailable";
    return { manifests, manifestError };
  }
  return { manifests, manifestError: null };
}

/** @param {Uint8Array} data */
function previousOf(data) {
  try {
    return parseManifest(data).previous;
  } catch {
    return null;
  }
}

async function fetchTrust() {
  return readTrust(await fetchJson("/v1/trust"));
}

/** @param {string} path */
async function fetchJson(path) {
  return parse(await fetchBytes(path, {}, MAX_LIST));
}

/** @template T @param {() => Promise<T>} ask @returns {Promise<T | null>} */
async function orNull(ask) {
  try {
    return await ask();
  } catch {
    return null;
  }
}

