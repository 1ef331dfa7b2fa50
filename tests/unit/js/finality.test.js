/** Where finality comes from, in the browser as in Python: the chain's own word, else a depth. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { observe } from "../../../nftsvc/web/static/verify/chain.js";

const WORDS = ["1", "a1", "b2", "1", "1", "c3", "64", "5"];
const RECORD = `0x${WORDS.map((word) => word.padStart(64, "0")).join("")}`;
const ASSET = { chainId: 31337, contract: `0x${"a1".repeat(20)}`, tokenId: 1n };

/** @param {number} number */
const block = (number) => ({
  number: `0x${number.toString(16)}`,
  hash: `0x${number.toString(16).padStart(64, "0")}`,
});

/** @param {(tag: string) => object} finalized the answer for the tag @param {number} [depth] */
async function finalOf(finalized, depth) {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      const { method, params } = JSON.parse(body);
      let answer = { result: RECORD };
      if (method === "eth_chainId") answer = { result: "0x7a69" };
      else if (params[0] === "latest") answer = { result: block(100) };
      else if (params[0] === "finalized") answer = finalized("finalized");
      else if (method === "eth_getBlockByNumber") answer = { result: block(Number(params[0])) };
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, ...answer }));
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  try {
    const [seen] = await observe(ASSET, [`http://127.0.0.1:${server.address().port}`], depth);
    return seen.error ?? seen.finalized.block.number;
  } finally {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
}

test("a chain that names its final block is believed", async () => {
  assert.equal(await finalOf(() => ({ result: block(90) }), 12), 90);
});

for (const [name, answer] of Object.entries({
  "does not know the tag": { error: { code: -32602, message: "invalid tag" } },
  "has no final block": { result: null },
})) {
  test(`a chain that ${name} is final by the published depth`, async () => {
    assert.equal(await finalOf(() => answer, 12), 88);
    assert.equal(await finalOf(() => answer), 36, "by 64 where none is published");
    assert.equal(await finalOf(() => answer, 0), 36, "no block is final at once");
    assert.equal(await finalOf(() => answer, 500), 0);
  });
}

test("a rate limit is no missing tag", async () => {
  assert.equal(await finalOf(() => ({ error: { code: -32005, message: "limit" } }), 12), "rate-limited");
});
