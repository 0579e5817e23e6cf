import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import type { SandboxInstance } from "../types.ts";
import { specMessage } from "./namespaces-in-spec.ts";

function specOf(instance: Partial<SandboxInstance>): unknown {
  const message = specMessage({ createdAt: new Date(0), labels: {}, namespaces: {}, ...instance });
  return message && JSON.parse(Buffer.from(message.value).toString());
}

test("paths of namespaces are written into the spec, over those that it has", () => {
  const spec = JSON.stringify({
    hostname: "h",
    linux: { cgroupsPath: "/c", namespaces: [{ type: "ipc" }, { type: "mount" }] },
  });
  deepEqual(specOf({ spec, namespaces: { ipc: "/i" } }), {
    hostname: "h",
    linux: { cgroupsPath: "/c", namespaces: [{ type: "ipc", path: "/i" }, { type: "mount" }] },
  });
  deepEqual(specOf({ namespaces: { net: "/n", pid: "/p" } }), {
    ociVersion: "1.0.2",
    linux: {
      namespaces: [
        { type: "network", path: "/n" },
        { type: "pid", path: "/p" },
      ],
    },
  });
});

test("a boundary with neither sends none", () => equal(specOf({}), undefined));
