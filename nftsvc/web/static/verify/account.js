/**
 * Accounts and assets as CAIP-10 and CAIP-19 write them, addresses with their EIP-55 checksum.
 *
 * @typedef {{chainId: number, address: string}} Account
 * @typedef {{chainId: number, contract: string, tokenId: bigint}} Asset
 */

import { keccak_256 } from "../vendor/hashes.js";
import { toHex, utf8 } from "./encoding.js";

/** A text that is no address, account or asset id. */
export class InvalidName extends Error {}

/** @param {string} text @returns {string} the address with its EIP-55 checksum */
export function parseAddress(text) {
  const digits = /^0x([0-9a-fA-F]{40})$/.exec(text)?.[1];
  if (digits === undefined) throw new InvalidName("not an address");
  const address = checksum(digits.toLowerCase());
  const oneCase = digits === digits.toLowerCase() || digits === digits.toUpperCase();
  if (!oneCase && `0x${digits}` !== address) throw new InvalidName("bad checksum");
  if (/^0+$/.test(digits)) throw new InvalidName("the zero address");
  return address;
}

/** @param {string} lower 40 lower-case hex digits */
export function checksum(lower) {
  const mask = toHex(keccak_256(utf8(lower)));
  const digits = Array.from(lower, (digit, index) =>
    Number.parseInt(mask.charAt(index), 16) >= 8 ? digit.toUpperCase() : digit,
  );
  return `0x${digits.join("")}`;
}

/** @param {string} text `eip155:<chain>:<address>` @returns {Account} */
export function parseAccount(text) {
  const parts = /^eip155:(0|[1-9][0-9]*):([^:]*)$/.exec(text);
  if (parts === null) throw new InvalidName("not an account id");
  const chainId = Number(parts[1]);
  if (!Number.isSafeInteger(chainId)) throw new InvalidName("the chain id is too large");
  return { chainId, address: parseAddress(String(parts[2])) };
}

/** @param {Account} account */
export function formatAccount(account) {
  return `eip155:${account.chainId}:${account.address}`;
}

/** @param {string} text `eip155:<chain>/erc721:<contract>/<token>` @returns {Asset} */
export function parseAsset(text) {
  const parts = /^eip155:([1-9][0-9]*)\/erc721:([^/:]*)\/(0|[1-9][0-9]*)$/.exec(text);
  if (parts === null) throw new InvalidName("not an asset id");
  const chainId = Number(parts[1]);
  if (!Number.isSafeInteger(chainId)) throw new InvalidName("the chain id is too large");
  const digits = String(parts[3]);
  if (digits.length > 78 || BigInt(digits) >= 1n << 256n) {
    throw new InvalidName("the token id is too large");
  }
  return { chainId, contract: parseAddress(String(parts[2])), tokenId: BigInt(digits) };
}

/** @param {Asset} asset */
export function formatAsset(asset) {
  return `eip155:${asset.chainId}/erc721:${asset.contract}/${asset.tokenId}`;
}

/** The token id as the genesis manifest's sha256. @param {bigint} tokenId @returns {string} hex */
export function digestOf(tokenId) {
  return tokenId.toString(16).padStart(64, "0");
}
