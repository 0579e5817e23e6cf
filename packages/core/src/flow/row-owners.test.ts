import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { RowOwners } from "./row-owners.ts";

test("a row has one flow at a time: another is rejected, and never throws", async () => {
  const owners = new RowOwners("container");
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = owners.own("a", "Stop", () => promise);
  const second = owners.own("a", "End", () => Promise.resolve());
  await rejects(second, { code: Code.Aborted, message: 'container "a": Stop is under way' });
  equal(owners.find("a")?.flow, "Stop");
  resolve();
  await first;
  await owners.own("a", "End", () => Promise.resolve());
  equal(owners.find("a"), undefined);
});
