import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { expectUnreachableShims } from "../support/containers/unreachable-shims.ts";
import { needsRoot } from "../support/needs-root.ts";

const pods = Number(process.env["CRIB_SOAK_SHIM_SOCKETS"] ?? 20);

test(`the shims of ${pods} pods are out of reach of the host's network (CVE-2020-15257)`, needsRoot, async (t) =>
  expectUnreachableShims(await startContainerNode(t), pods),
);
