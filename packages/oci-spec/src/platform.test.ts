import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { platformOf } from "./index.ts";

test("platforms are named as OCI indexes name them", () => {
  deepEqual(platformOf("linux", "x64"), { os: "linux", architecture: "amd64", variant: "" });
  deepEqual(platformOf("linux", "arm64"), { os: "linux", architecture: "arm64", variant: "v8" });
});

test("an unknown processor is an error, not a guess", () => {
  throws(() => platformOf("linux", "vax"), { code: Code.Unimplemented });
});
