/** Reads [payload, disclosures] pairs as a JSON array on standard input; prints what each shows. */

import { readFileSync } from "node:fs";

import { parseDisclosure, reveal } from "../../../nftsvc/web/static/verify/disclosure.js";

const shown = JSON.parse(readFileSync(0, "utf8")).map(([payload, disclosures]) => {
  try {
    return reveal(payload, disclosures.map(parseDisclosure));
  } catch (error) {
    return { reason: error.reason };
  }
});
process.stdout.write(JSON.stringify(shown));
