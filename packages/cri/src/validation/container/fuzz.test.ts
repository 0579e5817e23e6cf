import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { create, toBinary } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import {
  ContainerConfigSchema,
  type CreateContainerRequest,
  CreateContainerRequestSchema,
  RuntimeService,
} from "@crib/wire/cri";

import { containerConfig } from "../../testing/container-record.ts";
import { fill, generator } from "../../testing/hostile-messages.ts";
import { mutatedMessages } from "../../testing/mutated-messages.ts";
import { sandboxRecord } from "../../testing/sandbox-record.ts";
import { startTestServer } from "../../testing/test-server.ts";
import { checkContainerRequest, type ContainerRules } from "./container-request.ts";

const sandbox = sandboxRecord("aa".repeat(32), { privileged: true, pid: "pod", logDirectory: "/var/log/pods/web" });
const rules: ContainerRules = { sandbox, recursiveReadOnlyMounts: true };

/** Runs the check and says whether the request passed. Any other outcome than InvalidArgument is a crash. */
function passes(request: CreateContainerRequest): boolean {
  try {
    const checked = checkContainerRequest(request, rules);
    for (const path of checked.mounts.flatMap(({ hostPath, containerPath }) => [hostPath, containerPath])) {
      ok(path === "" || path.startsWith("/"), path);
      ok(!path.split("/").includes(".."), path);
    }
    ok(checked.logPath === "" || checked.logPath.startsWith("/var/log/pods/web/"), checked.logPath);
    const texts = [...checked.command, ...checked.args, ...checked.envs.flatMap(({ key, value }) => [key, value])];
    for (const text of texts) ok(!text.includes("\0"));
    JSON.parse(JSON.stringify({ ...checked, config: 0 }));
    return true;
  } catch (reason) {
    ok(reason instanceof StatusError, String(reason));
    equal(reason.code, Code.InvalidArgument, reason.message);
    ok(!/\p{Cc}/u.test(reason.message), JSON.stringify(reason.message));
    return false;
  }
}

function hostileRequest(random: (limit: number) => number): CreateContainerRequest {
  const request = create(CreateContainerRequestSchema, { podSandboxId: sandbox.id, config: containerConfig() });
  const { config } = request;
  if (!config || random(8) === 0) return request;
  const { metadata, image, mounts } = config;
  fill(config, ContainerConfigSchema, random);
  if (metadata && random(8) !== 0) config.metadata = metadata;
  if (image && random(8) !== 0) config.image = image;
  if (random(2) === 0) config.mounts = mounts;
  if (random(2) === 0) config.devices = [];
  if (random(2) === 0) delete config.linux;
  delete config.windows;
  return request;
}

test("five thousand hostile containers each pass or are InvalidArgument", () => {
  const random = generator(20_261_121);
  let passed = 0;
  for (let i = 0; i < 5_000; i++) if (passes(hostileRequest(random))) passed++;
  ok(passed > 500 && passed < 4_500, `${passed} passed`);
});

test("mutated bytes decode or not, and what decodes passes or is InvalidArgument", () => {
  const random = generator(42);
  const config = containerConfig({
    command: ["sh"],
    envs: [{ key: "A", value: Buffer.from("b") }],
    mounts: [{ hostPath: "/srv", containerPath: "/data" }],
    devices: [{ hostPath: "/dev/null", containerPath: "/dev/null", permissions: "rw" }],
    linux: { resources: { cpuShares: 2n }, securityContext: { runAsUser: { value: 1n } } },
  });
  const message = create(CreateContainerRequestSchema, { podSandboxId: sandbox.id, config });
  for (const request of mutatedMessages(CreateContainerRequestSchema, message, 5_000, random)) passes(request);
});

test("through the socket too, every hostile container is made or refused by a code that is meant", async () => {
  await using server = await startTestServer();
  server.sandboxes.set(sandbox);
  const random = generator(7);
  const path = `/${RuntimeService.typeName}/CreateContainer`;
  const codes = new Set<number>();
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(toBinary(CreateContainerRequestSchema, hostileRequest(random)));
    const error: unknown = await server.client.callRaw(path, bytes).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    codes.add(error === undefined ? 0 : (error as { code: number }).code);
  }
  for (const code of codes) ok(code === 0 || code === Code.InvalidArgument, String(code));
  equal(server.logged.filter(({ level }) => level === "error").length, 0);
});
