import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { takeBuiltins } from "./take-builtins.ts";

const taken = 'globalThis.process.getBuiltinModule("node:fs")';

test("modules of Node are taken without an import", () => {
  equal(takeBuiltins('import { readFileSync } from "node:fs";'), `const { readFileSync } = ${taken};`);
  equal(takeBuiltins('import { open as open2, close } from "node:fs";'), `const { open: open2, close } = ${taken};`);
  equal(takeBuiltins('import * as fs from "node:fs";'), `const fs = ${taken};`);
  equal(takeBuiltins('import fs, { open } from "node:fs";'), `const fs = ${taken}; const { open } = ${taken};`);
});

test("a module of Node without its prefix too", () => {
  equal(takeBuiltins('import { join } from "path";'), 'const { join } = globalThis.process.getBuiltinModule("path");');
});

test("other imports stay", () => {
  for (const code of [
    'import koffi from "koffi";',
    'import "./chunk-A.js";',
    'import { a } from "./chunk-A.js";',
    "import.meta.url;",
  ]) {
    equal(takeBuiltins(code), code);
  }
});

test("a name that the module does not have is refused", () => {
  throws(() => takeBuiltins('import { readFileSink } from "node:fs";'), {
    message: 'module "node:fs" has no "readFileSink"',
  });
});
