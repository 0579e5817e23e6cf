import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code, StatusError } from "@crib/errdefs";
import { type RunPodSandboxRequest, RunPodSandboxRequestSchema } from "@crib/wire/cri";

import { runcHandler } from "../testing/runc-handler.ts";
import { podConfig } from "../testing/sandbox-record.ts";
import { checkPodSandboxRequest, type RequestRules } from "./pod-sandbox-request.ts";

const rules: RequestRules = {
  handlers: {
    defaultName: "runc",
    all: [{ handler: runcHandler, recursiveReadOnlyMounts: true, userNamespaces: true }],
  },
  features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: true },
};

const texts = [
  "",
  "a",
  "..",
  "/",
  "/a/../b",
  "a\nb",
  "a\0b",
  "\u001b[31m",
  "__proto__",
  "constructor",
  "1e3",
  "0x10",
  "-1",
  "%n",
  "runtime/default",
  "localhost/",
  "x.slice",
  "10.0.0.1",
  "::1",
  "net.ipv4.ip_forward",
  "kernel.shmmax",
  "runc",
  "kubernetes.io/ingress-bandwidth",
  "10M",
  "\u{1f4a9}",
  "\u2028",
  "\u0085\u202e",
  "x".repeat(300),
  "=;=;",
  "a+b=c",
];
const integers = [
  0n,
  1n,
  -1n,
  2n ** 31n - 1n,
  -(2n ** 31n),
  65_536n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

/** xorshift32: the same inputs each time, so that a failure can be seen again. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

function scalar(type: ScalarType, random: (limit: number) => number): unknown {
  const text = texts[random(texts.length)] ?? "";
  const integer = integers[random(integers.length)] ?? 0n;
  if (type === ScalarType.STRING) return text;
  if (type === ScalarType.BYTES) return Buffer.from(text);
  if (type === ScalarType.BOOL) return random(2) === 0;
  if (type === ScalarType.INT64) return integer;
  if (type === ScalarType.UINT64) return BigInt.asUintN(64, integer);
  if (type === ScalarType.UINT32) return Number(BigInt.asUintN(32, integer));
  return Number(BigInt.asIntN(32, integer));
}

function fill(message: Message, schema: DescMessage, random: (limit: number) => number): void {
  const reflected = reflect(schema, message);
  for (const field of schema.fields) {
    if (random(4) === 0) setField(reflected, field, random);
  }
}

function setField(reflected: ReturnType<typeof reflect>, field: DescField, random: (limit: number) => number): void {
  const value = (): unknown => {
    if (field.fieldKind === "enum" || ("enum" in field && field.enum)) return random(6) - 1;
    if (field.message) {
      const child = create(field.message);
      fill(child, field.message, random);
      return field.fieldKind === "message" ? reflect(field.message, child) : child;
    }
    return scalar("scalar" in field && field.scalar ? field.scalar : ScalarType.STRING, random);
  };
  if (field.fieldKind === "list") {
    const list = reflected.get(field);
    for (let i = random(4); i > 0; i--)
      list.add(field.listKind === "message" ? reflect(field.message, value() as Message) : value());
  } else if (field.fieldKind === "map") {
    const map = reflected.get(field);
    for (let i = random(4); i > 0; i--) map.set(texts[random(texts.length)] ?? "", texts[random(texts.length)]);
  } else reflected.set(field, value());
}

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
  const seed = Buffer.from(
    toBinary(
      RunPodSandboxRequestSchema,
      create(RunPodSandboxRequestSchema, {
        config: podConfig({
          hostname: "web",
          labels: { a: "b" },
          portMappings: [{ hostPort: 80 }],
          linux: {
            sysctls: { "net.a": "1" },
            securityContext: { runAsUser: { value: 1n }, namespaceOptions: { pid: 1 } },
          },
        }),
      }),
    ),
  );
  for (let i = 0; i < 5_000; i++) {
    const bytes = Buffer.from(seed);
    for (let flips = 1 + random(4); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
    let request: RunPodSandboxRequest;
    try {
      request = fromBinary(RunPodSandboxRequestSchema, bytes.subarray(0, 1 + random(bytes.length)));
    } catch {
      continue; // no message, which the boundary answers
    }
    passes(request);
  }
});
