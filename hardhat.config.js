import { createRequire } from "node:module";
import { defineConfig } from "hardhat/config";

// The settings stand in one file that the Python way of compiling reads too.
const { version, settings } = createRequire(import.meta.url)("./contracts/solc.json");

export default defineConfig({
  solidity: {
    profiles: {
      default: {
        version,
        // The JavaScript build of solc from the npm lock file: nothing is downloaded.
        path: createRequire(import.meta.url).resolve("solc/soljson.js"),
        settings,
      },
    },
  },
  test: {
    solidity: {
      fuzz: { runs: 256 },
      invariant: { runs: 20, depth: 100 },
      fsPermissions: { readFile: ["tests/vectors/contracts.json"] },
    },
  },
  paths: { tests: { solidity: "./tests/contracts" }, artifacts: "./.hardhat/artifacts", cache: "./.hardhat/cache" },
});
