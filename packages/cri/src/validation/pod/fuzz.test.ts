import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { create, type DescMessage } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { type RunPodSandboxRequest, RunPodSandboxRequestSchema } from "@crib/wire/cri";

import { fill, generator } from "../../testing/hostile-messages.ts";
import { mutatedMessages } from "../../testing/mutated-messages.ts";
import { runcHandler } from "../../testing/runc-handler.ts";
import { podConfig } from "../../testing/sandbox-record.ts";
import { checkPodSandboxRequest, type RequestRules } from "./pod-sandbox-request.ts";

const rules: RequestRules = {
  handlers: {
    defaultName: "runc",
    all: [{ handler: runcHandler, recursiveReadOnlyMounts: true, userNamespaces: true }],
  },
  features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: true },
};

/** Runs the check and says whether the request passed. Any other outcome than InvalidArgument is a crash. */
function passes(request: RunPodSandboxRequest): boolean {
  try {
    const checked = checkPodSandboxRequest(request, rules);
    const lines = [
      checked.hostname,
      checked.logDirectory,
      checked.cgroupParent,
      ...Object.values(checked.sysctls),
      ...Object.values(checked.pod),
    ];
    for (const line of [...lines, ...(checked.dns?.searches ?? []), ...(checked.dns?.options ?? [])])
      ok(!/\p{Cc}/u.test(`${line}`));
    return true;
  } catch (reason) {
    ok(reason instanceof StatusError, String(reason));
    equal(reason.code, Code.InvalidArgument, reason.message);
    ok(!/\p{Cc}/u.test(reason.message), JSON.stringify(reason.message));
    return false;
  }
}

test("five thousand hostile requests each pass or are InvalidArgument", () => {
  const random = generator(20_261_121);
  let passed = 0;
  for (let i = 0; i < 5_000; i++) {
    const request = create(RunPodSandboxRequestSchema, { config: podConfig() });
    const config = request.config;
    if (config && random(8) !== 0) {
      const { metadata } = config;
      fill(config, RunPodSandboxRequestSchema.fields[0]?.message as DescMessage, random);
      if (metadata && random(8) !== 0) config.metadata = metadata;
      delete config.windows;
    }
    if (passes(request)) passed++;
  }
  ok(passed > 100 && passed < 4_900, `${passed} passed`);
});

test("mutated bytes decode or not, and what decodes passes or is InvalidArgument", () => {
  const random = generator(42);
  const message = create(RunPodSandboxRequestSchema, {
    config: podConfig({
      hostname: "web",
      labels: { a: "b" },
      portMappings: [{ hostPort: 80 }],
      linux: {
        sysctls: { "net.a": "1" },
        securityContext: { runAsUser: { value: 1n }, namespaceOptions: { pid: 1 } },
      },
    }),
  });
  for (const request of mutatedMessages(RunPodSandboxRequestSchema, message, 5_000, random)) passes(request);
});
