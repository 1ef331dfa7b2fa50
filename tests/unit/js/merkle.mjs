/** OpenZeppelin's tool on our trees: `[{dump, numbers, proofs, multiproof}]` in, its own out. */

import { readFileSync } from "node:fs";

import { StandardMerkleTree } from "@openzeppelin/merkle-tree";

const answers = JSON.parse(readFileSync(0, "utf8")).map(({ dump, numbers, proofs, multiproof }) => {
  const loaded = StandardMerkleTree.load(dump);
  const { leafEncoding } = dump;
  const values = dump.values.map(({ value }) => value);
  const own = StandardMerkleTree.of(values, leafEncoding);
  const theirs = own.getMultiProof([...numbers]);
  return {
    accepts:
      StandardMerkleTree.verifyMultiProof(loaded.root, leafEncoding, multiproof) &&
      numbers.every((number, i) =>
        StandardMerkleTree.verify(loaded.root, leafEncoding, values[number], proofs[i]),
      ),
    dump: own.dump(),
    proofs: numbers.map((number) => own.getProof(number)),
    multiproof: theirs,
  };
});
process.stdout.write(JSON.stringify(answers));
