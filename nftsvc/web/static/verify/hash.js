/** The sha256 of a file, hashed in a worker so that the page stays alive. */

/** The file could not be read: moved, changed or locked while it was read. */
export class UnreadableFile extends Error {}

/**
 * @param {Blob} file @param {(done: number) => void} onProgress bytes so far
 * @param {AbortSignal} [signal] @returns {Promise<string>} hex
 */
export function hashFile(file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./hash-worker.js", import.meta.url), { type: "module" });
    const end = (/** @type {() => void} */ then) => {
      worker.terminate();
      then();
    };
    worker.addEventListener("message", ({ data }) => {
      if (typeof data.digest === "string") end(() => resolve(data.digest));
      else if (data.failed) end(() => reject(new UnreadableFile()));
      else onProgress(data.done);
    });
    worker.addEventListener("error", () => end(() => reject(new UnreadableFile())));
    signal?.addEventListener("abort", () => end(() => reject(signal.reason)));
    worker.postMessage(file);
  });
}
