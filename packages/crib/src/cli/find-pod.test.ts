import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code, hasCode } from "@crib/errdefs";

import { choosePod } from "./find-pod.ts";

type Listed = Parameters<typeof choosePod>[0][number];

/** States as in the CRI: 0 is ready, 1 is not. */
function pod(
  id: string,
  name: string,
  change: { namespace?: string; state?: number; createdAt?: bigint } = {},
): Listed {
  const { namespace = "default", state = 0, createdAt = 1n } = change;
  return { id, state, createdAt, metadata: { name, namespace, uid: "u", attempt: 0 } } as unknown as Listed;
}

test("a pod is found by id, by name, by qualified name, and by the start of its id", () => {
  const pods = [pod("aa11", "web"), pod("bb22", "db", { namespace: "data" })];
  equal(choosePod(pods, "aa11"), "aa11");
  equal(choosePod(pods, "db"), "bb22");
  equal(choosePod(pods, "data/db"), "bb22");
  equal(choosePod(pods, "bb"), "bb22");
});

test("of several attempts the ready one is meant, else the newest", () => {
  const old = pod("aa11", "web", { state: 1, createdAt: 9n });
  const ready = pod("bb22", "web", { createdAt: 5n });
  equal(choosePod([old, ready], "web"), "bb22");
  equal(choosePod([old, pod("cc33", "web", { state: 1, createdAt: 10n })], "web"), "cc33");
});

test("a word that may mean several pods is refused with their names", () => {
  const pods = [pod("aa11", "web"), pod("aa22", "web", { namespace: "other" })];
  for (const word of ["web", "aa"]) {
    throws(
      () => choosePod(pods, word),
      (reason: Error) => hasCode(reason, Code.InvalidArgument) && reason.message.includes("other/web (aa22)"),
    );
  }
});

test("an unknown or empty word is NotFound", () => {
  for (const word of ["nothing", ""]) {
    throws(
      () => choosePod([pod("aa11", "web")], word),
      (reason) => hasCode(reason, Code.NotFound),
    );
  }
});
