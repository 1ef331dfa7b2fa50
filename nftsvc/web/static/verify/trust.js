/**
 * Who counts as an issuer: names with their accounts and contracts.
 *
 * @typedef {{name: string, nameKo: string | null, accounts: Set<string>, contracts: Set<string>}} TrustedIssuer
 * @typedef {TrustedIssuer[]} TrustList
 */

import { formatAccount, parseAccount } from "./account.js";
import { Fields, asText } from "./fields.js";

/** @param {import("./json.js").Json} value `{"issuers": [...]}` @returns {TrustList} */
export function readTrust(value) {
  const fields = new Fields(value);
  const issuers = fields.array("issuers", { least: 1, most: 1000 }).map((item) => {
    const issuer = new Fields(item);
    const entry = {
      name: issuer.text("name"),
      nameKo: issuer.optionalText("nameKo"),
      accounts: readAccounts(issuer, "accounts"),
      contracts: readAccounts(issuer, "contracts"),
    };
    issuer.end();
    return entry;
  });
  fields.end();
  return issuers;
}

/**
 * The issuer that both the asset's contract and the issuing account belong to.
 * @param {TrustList} trust @param {import("./account.js").Asset} asset @param {string} address
 * @returns {TrustedIssuer | null}
 */
export function issuerOf(trust, asset, address) {
  const contract = formatAccount({ chainId: asset.chainId, address: asset.contract });
  const account = formatAccount({ chainId: asset.chainId, address });
  return trust.find((i) => i.contracts.has(contract) && i.accounts.has(account)) ?? null;
}

/** @param {Fields} fields @param {string} name */
function readAccounts(fields, name) {
  const items = fields.array(name, { least: 1, most: 1000 });
  return new Set(items.map((item) => formatAccount(parseAccount(asText(item)))));
}
