import { ok } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";

import { containerFlows } from "@crib/core/containers";
import { pullImage, removeImage } from "@crib/core/images";
import { sandboxFlows } from "@crib/core/sandbox";

// Each of these files makes its cases from the steps of its flow, so a new step has its cases as soon as it exists.
for (const { name } of [...sandboxFlows, ...containerFlows, pullImage, removeImage]) {
  test(`every step of ${name} is killed, failed and hung`, () => {
    const file = `${name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase()}-matrix.test.ts`;
    ok(readdirSync(import.meta.dirname).includes(file), `there is no ${file}`);
  });
}
