import { throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { refuseRestore } from "./refuse-restore.ts";

test("containers are not made from checkpoints", () => {
  const refused = { code: Code.InvalidArgument, message: /is a checkpoint, and containers are not restored/ };
  throws(() => refuseRestore({ image: "/var/lib/kubelet/checkpoints/checkpoint-web.tar", annotations: {} }), refused);
  for (const key of ["org.criu.checkpoint.container.name", "io.kubernetes.cri-o.annotations.checkpoint.name"]) {
    throws(() => refuseRestore({ image: "registry.example/web:1", annotations: { [key]: "web" } }), refused);
  }
});

test("images are", () => {
  refuseRestore(undefined);
  refuseRestore({ image: "busybox", annotations: { "org.example": "x" } });
});
