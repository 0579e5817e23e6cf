import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import type { Sandbox } from "@crib/sandboxer";

import { identityOf } from "../../tasks/index.ts";
import { isProcessOfPod } from "./process-of-pod.ts";

test("a process is a pod's by the pod's network namespace, and not by its number alone", () => {
  const own = identityOf(process.pid);
  ok(own);
  const pod = { id: "f".repeat(64), namespaces: {} } as unknown as Sandbox;
  equal(isProcessOfPod(own, pod), false);
  const inNetns = { ...pod, namespaces: { net: "/proc/self/ns/net" } };
  equal(isProcessOfPod(own, inNetns), true);
  equal(isProcessOfPod({ ...own, startTime: own.startTime + 1 }, inNetns), false);
  equal(isProcessOfPod(own, { ...pod, namespaces: { net: "/proc/self/ns/uts" } }), false);
  equal(isProcessOfPod(own, { ...pod, namespaces: { net: "/nowhere" } }), false);
});
