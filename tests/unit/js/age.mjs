/**
 * What a party does in a browser, with the age library alone.
 *
 * Reads JSON on standard input: `identity` of the party, and in base64 its `envelope` and a sealed
 * `document`, and a `recipient`. Prints in base64 the document, and it sealed again, to the recipient.
 */

import { readFileSync } from "node:fs";

import { Decrypter, Encrypter } from "age-encryption";

async function open(sealed, identity) {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decrypt(sealed);
}

const asked = JSON.parse(readFileSync(0, "utf8"));
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const key = new TextDecoder().decode(await open(bytes(asked.envelope), asked.identity));
const document = await open(bytes(asked.document), key);
const encrypter = new Encrypter();
encrypter.addRecipient(asked.recipient);
const sealed = await encrypter.encrypt(document);
const base64 = (data) => Buffer.from(data).toString("base64");
process.stdout.write(JSON.stringify({ document: base64(document), sealed: base64(sealed) }));
