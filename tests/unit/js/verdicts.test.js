/** The browser's rules on the golden vectors that Python's rules pass too. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { parseAsset } from "../../../nftsvc/web/static/verify/account.js";
import { fromBase64url, utf8 } from "../../../nftsvc/web/static/verify/encoding.js";
import { CHECKS, verify } from "../../../nftsvc/web/static/verify/rules.js";
import { readTrust } from "../../../nftsvc/web/static/verify/trust.js";

const vectors = new URL("../../vectors/verdicts.json", import.meta.url);

for (const { name, facts, verdict, codes } of JSON.parse(readFileSync(vectors, "utf8"))) {
  test(`verdict of: ${name}`, () => {
    const report = verify({
      asset: parseAsset(facts.asset),
      document: facts.document?.sha256 ?? null,
      salts: facts.salts.map(fromBase64url),
      disclosures: facts.disclosures ?? [],
      quorum: facts.quorum,
      observations: facts.observations,
      manifests: facts.manifests.map(utf8),
      manifestError: facts.manifestError,
      trust: facts.trust && readTrust(facts.trust),
    });
    assert.equal(report.verdict, verdict);
    const found = Object.fromEntries(report.checks.map((c) => [c.name, c.code]));
    for (const [check, code] of Object.entries(codes)) assert.equal(found[check], code, check);
    assert.deepEqual(report.checks.map((c) => c.name), [...CHECKS]);
  });
}
