/**
 * What the chain says of a token, asked straight at its RPC endpoints (Ethereum JSON-RPC).
 *
 * Every endpoint is asked at one finalized block, the lowest that any of them names, and at its
 * own newest one; records are read by block hash (EIP-1898), so a reorg between two questions
 * cannot mix two histories.
 *
 * @typedef {import("./rules.js").Observation} Observation
 * @typedef {import("./rules.js").Silence} Silence
 * @typedef {import("./rules.js").TokenRecord} TokenRecord
 * @typedef {{number: number, hash: string}} Block
 */

import { keccak_256 } from "../vendor/hashes.js";
import { checksum } from "./account.js";
import { toHex, utf8 } from "./encoding.js";
import { CouldNotAsk, fetchBytes } from "./fetching.js";

const RECORD_OF = toHex(keccak_256(utf8("recordOf(uint256)"))).slice(0, 8);
const RECORD_WORDS = 8;
const STATUSES = /** @type {const} */ (["unknown", "active", "suspended", "revoked"]);
const MAX_ANSWER = 1024 * 1024;
/** Blocks that make final where an endpoint names no final block and nobody says how many. */
const DEPTH = 64;

/**
 * @param {import("./account.js").Asset} asset @param {string[]} endpoints
 * @param {number} [depth] blocks that make final where the chain names no final block
 * @returns {Promise<(Observation | Silence)[]>} one for each endpoint, in their order
 */
export async function observe(asset, endpoints, depth) {
  const behind = Number.isSafeInteger(depth) && Number(depth) > 0 ? Number(depth) : DEPTH;
  const opened = await Promise.all(endpoints.map((url) => settle(() => open(url, behind))));
  const numbers = opened.flatMap((o) => ("value" in o ? [o.value.finalized.number] : []));
  const common = Math.min(...numbers);
  return Promise.all(
    opened.map(async (found, index) => {
      const endpoint = endpoints[index] ?? "";
      if ("error" in found) return { endpoint, error: found.error };
      const { chainId, latest, finalized } = found.value;
      const seen = await settle(async () => {
        const block = finalized.number === common ? finalized : await blockAt(endpoint, hex(common));
        return {
          endpoint,
          chainId,
          finalized: { block, record: await recordAt(endpoint, asset, block) },
          latest: { block: latest, record: await recordAt(endpoint, asset, latest) },
        };
      });
      return "error" in seen ? { endpoint, error: seen.error } : seen.value;
    }),
  );
}

/** @template T @param {() => Promise<T>} ask @returns {Promise<{value: T} | {error: string}>} */
async function settle(ask) {
  try {
    return { value: await ask() };
  } catch (error) {
    return { error: error instanceof CouldNotAsk ? error.code : "bad-answer" };
  }
}

/** @param {string} endpoint @param {number} depth */
async function open(endpoint, depth) {
  const [chainId, latest, named] = await Promise.all([
    call(endpoint, "eth_chainId", []).then(quantity),
    blockAt(endpoint, "latest"),
    namedFinal(endpoint),
  ]);
  const finalized = named ?? (await blockAt(endpoint, hex(Math.max(0, latest.number - depth))));
  if (finalized.number > latest.number) throw new CouldNotAsk("bad-answer");
  return { chainId, latest, finalized };
}

/** The final block, null where the chain names none. @param {string} endpoint */
async function namedFinal(endpoint) {
  try {
    const block = await call(endpoint, "eth_getBlockByNumber", ["finalized", false]);
    return block === null ? null : readBlock(block, "finalized");
  } catch (error) {
    if (error instanceof CouldNotAsk && error.code === "refused") return null;
    throw error;
  }
}

/** @param {string} endpoint @param {string} tag @returns {Promise<Block>} */
async function blockAt(endpoint, tag) {
  return readBlock(await call(endpoint, "eth_getBlockByNumber", [tag, false]), tag);
}

/** @param {unknown} block @param {string} tag @returns {Block} */
function readBlock(block, tag) {
  const { number, hash } = /** @type {{number?: unknown, hash?: unknown}} */ (block ?? {});
  if (typeof hash !== "string" || !/^0x[0-9a-f]{64}$/.test(hash)) throw new CouldNotAsk("bad-answer");
  const found = { number: quantity(number), hash };
  if (tag.startsWith("0x") && hex(found.number) !== tag) throw new CouldNotAsk("bad-answer");
  return found;
}

/**
 * @param {string} endpoint @param {import("./account.js").Asset} asset @param {Block} block
 * @returns {Promise<TokenRecord>}
 */
async function recordAt(endpoint, asset, block) {
  const data = `0x${RECORD_OF}${asset.tokenId.toString(16).padStart(64, "0")}`;
  const at = { blockHash: block.hash, requireCanonical: true };
  return decodeRecord(await call(endpoint, "eth_call", [{ to: asset.contract, data }, at]));
}

/** The contract's `Record`, ABI-encoded. @param {unknown} data @returns {TokenRecord} */
export function decodeRecord(data) {
  if (data === "0x") throw new CouldNotAsk("no-contract");
  if (typeof data !== "string" || !/^0x(?:[0-9a-f]{64})+$/.test(data)) {
    throw new CouldNotAsk("bad-answer");
  }
  const words = data.slice(2).match(/.{64}/g) ?? [];
  if (words.length < RECORD_WORDS) throw new CouldNotAsk("bad-answer");
  const [status, holder, issuer, trusted, version, digest, issuedAt, headBlock] =
    /** @type {[string, string, string, string, string, string, string, string]} */ (words);
  const name = STATUSES[number(status)];
  if (name === undefined || number(trusted) > 1) throw new CouldNotAsk("bad-answer");
  return {
    status: name,
    holder: address(holder),
    issuer: address(issuer),
    issuerTrusted: number(trusted) === 1,
    version: number(version),
    digest,
    issuedAt: number(issuedAt),
    headBlock: number(headBlock),
  };
}

/** @param {string} word 32 bytes in hex */
function number(word) {
  const value = Number(`0x${word}`);
  if (!Number.isSafeInteger(value)) throw new CouldNotAsk("bad-answer");
  return value;
}

/** @param {string} word 32 bytes in hex */
function address(word) {
  if (!word.startsWith("0".repeat(24))) throw new CouldNotAsk("bad-answer");
  return checksum(word.slice(24));
}

/** @param {unknown} value */
function quantity(value) {
  if (typeof value !== "string" || !/^0x[0-9a-f]{1,13}$/.test(value)) {
    throw new CouldNotAsk("bad-answer");
  }
  return Number(value);
}

/** @param {number} value */
function hex(value) {
  return `0x${value.toString(16)}`;
}

/**
 * @param {string} endpoint @param {string} method @param {unknown[]} params
 * @returns {Promise<unknown>} the result
 */
async function call(endpoint, method, params) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const headers = { "content-type": "application/json" };
  const bytes = await fetchBytes(endpoint, { method: "POST", body, headers }, MAX_ANSWER);
  let answer;
  try {
    answer = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new CouldNotAsk("bad-answer", error);
  }
  if (answer === null || typeof answer !== "object") throw new CouldNotAsk("bad-answer");
  if (answer.error) throw new CouldNotAsk(answer.error.code === -32005 ? "rate-limited" : "refused");
  return answer.result;
}
