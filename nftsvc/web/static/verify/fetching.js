/** Fetching with an end: every request has a time limit and every answer a size limit. */

export const ANSWER_SECONDS = 10;

/** Nobody answered, or not usably. `code` is permanent; it says nothing about the document. */
export class CouldNotAsk extends Error {
  /** @param {string} code @param {unknown} [cause] */
  constructor(code, cause) {
    super(code, { cause });
    this.code = code;
  }
}

/**
 * The body of an answer, whole.
 * @param {string} url @param {RequestInit} init @param {number} most bytes
 * @param {number} [seconds] @returns {Promise<Uint8Array<ArrayBuffer>>} throws `CouldNotAsk`
 */
export async function fetchBytes(url, init, most, seconds = ANSWER_SECONDS) {
  try {
    const response = await fetch(url, {
      ...init,
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "error",
      signal: AbortSignal.timeout(seconds * 1000),
    });
    if (!response.ok) throw new CouldNotAsk(refusal(response.status));
    return await readAtMost(response, most);
  } catch (error) {
    if (error instanceof CouldNotAsk) throw error;
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new CouldNotAsk(late ? "timeout" : "unreachable", error);
  }
}

/** @param {number} status */
function refusal(status) {
  if (status === 404) return "not-found";
  return status === 429 ? "rate-limited" : "refused";
}

/** @param {Response} response @param {number} most */
async function readAtMost(response, most) {
  const chunks = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const part = await reader?.read();
    if (part === undefined || part.done) break;
    size += part.value.length;
    if (size > most) {
      await reader?.cancel();
      throw new CouldNotAsk("answer-too-large");
    }
    chunks.push(part.value);
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
