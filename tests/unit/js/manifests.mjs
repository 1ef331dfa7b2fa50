/** Reads hex-encoded manifests as a JSON array on standard input; prints which it accepts. */

import { readFileSync } from "node:fs";

import { fromHex } from "../../../nftsvc/web/static/verify/encoding.js";
import { parseManifest } from "../../../nftsvc/web/static/verify/manifest.js";

const accepted = JSON.parse(readFileSync(0, "utf8")).map((text) => {
  try {
    parseManifest(fromHex(text));
    return true;
  } catch {
    return false;
  }
});
process.stdout.write(JSON.stringify(accepted));
