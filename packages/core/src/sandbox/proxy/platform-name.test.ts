import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { platformName } from "./platform-name.ts";

const host = { os: "linux", architecture: "arm64", variant: "v8" };

test("a platform gets the names of OCI indexes, and the host's where it says nothing of use", () => {
  deepEqual(platformName(undefined, host), host);
  deepEqual(platformName({ os: "linux", architecture: "x86", variant: "" }, host), host);
  deepEqual(platformName({ os: "Linux", architecture: "aarch64", variant: "" }, host), host);
  deepEqual(platformName({ os: "linux", architecture: "x86_64", variant: "" }, host), {
    os: "linux",
    architecture: "amd64",
    variant: "",
  });
  deepEqual(platformName({ os: "wasi", architecture: "wasm", variant: "p2" }, host), {
    os: "wasi",
    architecture: "wasm",
    variant: "p2",
  });
});
