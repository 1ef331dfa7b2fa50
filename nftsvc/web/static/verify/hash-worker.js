/** Hashes one file as a stream: a file larger than memory passes through in pieces. */

import { sha256 } from "../vendor/hashes.js";
import { createSHA256 } from "../vendor/streaming.js";
import { toHex } from "./encoding.js";

const REPORT_EVERY = 4 * 1024 * 1024;
const worker = /** @type {{postMessage(message: unknown): void}} */ (/** @type {unknown} */ (self));

self.addEventListener("message", async (event) => {
  try {
    worker.postMessage({ digest: await digestOf(/** @type {MessageEvent<Blob>} */ (event).data) });
  } catch {
    worker.postMessage({ failed: true });
  }
});

/** @param {Blob} file */
async function digestOf(file) {
  const hash = await newHash();
  let done = 0;
  let reported = 0;
  for await (const chunk of chunksOf(file)) {
    hash.update(chunk);
    done += chunk.length;
    if (done - reported >= REPORT_EVERY) {
      reported = done;
      worker.postMessage({ done });
    }
  }
  return hash.digest();
}

/** WebAssembly where the browser allows it; some lock it away. */
async function newHash() {
  try {
    const hash = (await createSHA256()).init();
    return {
      update: (/** @type {Uint8Array} */ chunk) => void hash.update(chunk),
      digest: () => hash.digest("hex"),
    };
  } catch {
    const hash = sha256.create();
    return {
      update: (/** @type {Uint8Array} */ chunk) => void hash.update(chunk),
      digest: () => toHex(hash.digest()),
    };
  }
}

// Not every browser lets a ReadableStream be iterated.
/** @param {Blob} file */
async function* chunksOf(file) {
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
