/** The browser's modules and OpenZeppelin's tool on what Python and the contracts agree on. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { StandardMerkleTree } from "@openzeppelin/merkle-tree";

import { checksum, digestOf } from "../../../nftsvc/web/static/verify/account.js";
import { decodeRecord } from "../../../nftsvc/web/static/verify/chain.js";
import { manifestCid } from "../../../nftsvc/web/static/verify/cid.js";

const path = new URL("../../vectors/contracts.json", import.meta.url);
const vectors = JSON.parse(readFileSync(path, "utf8"));
const STATUSES = ["unknown", "active", "suspended", "revoked"];
const ENCODING = ["address", "bytes32"];

const sha256 = (text) => createHash("sha256").update(text, "utf8").digest("hex");
const leaf = (count, n) => [
  checksum(sha256(`holder ${count}/${n}`).slice(0, 40)),
  `0x${sha256(`document ${count}/${n}`)}`,
];

test("manifests have their tokens' ids and addresses", () => {
  const { manifests, tokenIds, uris } = vectors.tokens;
  assert.ok(manifests.length >= 3);
  manifests.forEach((manifest, i) => {
    assert.equal(digestOf(BigInt(tokenIds[i])), sha256(manifest));
    assert.equal(`ipfs://${manifestCid(digestOf(BigInt(tokenIds[i])))}`, uris[i]);
  });
});

test("answers of recordOf are read field by field", () => {
  const given = vectors.records;
  given.answers.forEach((answer, i) => {
    const found = decodeRecord(answer);
    const word = BigInt(given.words[i]);
    const field = (from, width) => Number((word >> BigInt(160 + from)) & ((1n << BigInt(width)) - 1n));
    assert.equal(found.status, STATUSES[field(92, 2)]);
    assert.equal(BigInt(found.holder), word & ((1n << 160n) - 1n));
    assert.equal(found.version, field(68, 10));
    assert.equal(found.issuedAt, field(36, 32));
    assert.equal(found.headBlock, field(0, 36));
    if (found.version === 1) assert.equal(`0x${found.digest}`, given.tokenIds[i]);
  });
});

for (const { count, leaves, root, numbers, proofs, multiproof } of vectors.trees) {
  test(`the tree of ${count} leaves is OpenZeppelin's`, () => {
    const all = Array.from({ length: count }, (_, n) => leaf(count, n));
    const tree = StandardMerkleTree.of(all, ENCODING);
    assert.equal(tree.root, root);
    numbers.forEach((n, i) => {
      assert.equal(tree.leafHash(all[n]), leaves[i]);
      assert.deepEqual(tree.getProof(n), proofs[i]);
    });
    const own = tree.getMultiProof([...multiproof.numbers]);
    assert.deepEqual(own.leaves, multiproof.numbers.map((n) => all[n]));
    assert.deepEqual(own.proof, multiproof.proof);
    assert.deepEqual(own.proofFlags, multiproof.flags);
    assert.ok(StandardMerkleTree.verifyMultiProof(root, ENCODING, own));
  });
}
