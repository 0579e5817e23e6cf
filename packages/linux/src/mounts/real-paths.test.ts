import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { temporaryDirectory } from "../testing/host.ts";
import { realPaths } from "./real-paths.ts";

test("paths are resolved, each by itself", async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, "real"));
  symlinkSync("real", join(directory, "link"));
  symlinkSync("loop", join(directory, "loop"));
  const paths = ["link/../link", "none", "loop", "real"].map((name) => `${directory}/${name}`);
  const [link, none, loop, real] = await realPaths([...paths, "a\0b"]);
  deepEqual([link, real], [join(directory, "real"), join(directory, "real")]);
  ok(none instanceof StatusError && loop instanceof StatusError);
  equal(none.code, Code.NotFound);
  deepEqual(await realPaths([]), []);
});
