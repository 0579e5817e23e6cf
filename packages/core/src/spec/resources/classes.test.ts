import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { type InputChanges, specInput, temporaryDirectory } from "../testing/spec-input.ts";
import { blockIoClass } from "./block-io-class.ts";
import { quantity } from "./quantity.ts";
import { rdtClass } from "./rdt-class.ts";
import { resourceClass } from "./resource-class.ts";

const podWide = "blockio.resources.beta.kubernetes.io/pod";

test("the nearest annotation gives the class", () => {
  const own = "io.kubernetes.cri.blockio-class";
  const named = "blockio.resources.beta.kubernetes.io/container.web";
  const classOf = (plan: object, pod: object): string | undefined =>
    resourceClass("blockio", specInput({ plan: { annotations: { ...plan } }, sandbox: { annotations: { ...pod } } }));
  equal(classOf({}, {}), undefined);
  equal(classOf({}, { [podWide]: "p" }), "p");
  equal(classOf({}, { [podWide]: "p", [named]: "n", [`${named}2`]: "other" }), "n");
  equal(classOf({ [own]: "c" }, { [podWide]: "p", [named]: "n" }), "c");
  equal(classOf({}, { [podWide]: "" }), undefined);
  equal(classOf({}, { "rdt.resources.beta.kubernetes.io/pod": "p" }), undefined);
});

function inClass(name: string, blockioConfigFile: string): ReturnType<typeof specInput> {
  const changes: InputChanges = { sandbox: { annotations: { [podWide]: name } }, options: { blockioConfigFile } };
  return specInput(changes);
}

function configured(t: TestContext, text: string): string {
  const file = `${temporaryDirectory(t)}/blockio.yaml`;
  writeFileSync(file, text);
  return file;
}

test("a class of block I/O has its weight and its limits", async (t) => {
  const file = configured(
    t,
    `
Classes:
  slow:
    - Weight: 80
    - devices: ["/nowhere/sd[a-z]", /dev/null]
      ThrottleReadBps: 50M
      throttleWriteIOPS: 1.5k
  empty: []
`,
  );
  equal(await blockIoClass(specInput({ options: { blockioConfigFile: "/nowhere" } })), undefined);
  deepEqual(await blockIoClass(inClass("empty", file)), {});
  // None of the devices is a block device of this host.
  deepEqual(await blockIoClass(inClass("slow", file)), {
    weight: 80,
    throttleReadBpsDevice: [],
    throttleWriteIOPSDevice: [],
  });
});

test("classes that are not configured are refused", async (t) => {
  const refused = (name: string, text: string, code: Code): Promise<void> =>
    rejects(blockIoClass(inClass(name, configured(t, text))), { code });
  await rejects(blockIoClass(inClass("slow", "")), { code: Code.FailedPrecondition, message: /not enabled/ });
  await rejects(blockIoClass(inClass("slow", "/nowhere/x")), { code: Code.FailedPrecondition });
  await refused("slow", "Classes: {}", Code.InvalidArgument);
  await refused("constructor", "Classes: {}", Code.InvalidArgument);
  await refused("slow", "Classes: [", Code.FailedPrecondition);
  await refused("slow", "Classes: {slow: [{Wait: 1}]}", Code.FailedPrecondition);
  await refused("slow", "Classes: {slow: [{Weight: 5}]}", Code.InvalidArgument);
  await refused("slow", "Classes: {slow: [{Weight: much}]}", Code.InvalidArgument);
  await refused("slow", "Classes: {slow: [{ThrottleReadBps: 5}]}", Code.InvalidArgument);
});

test("quantities are those of Kubernetes", () => {
  for (const [text, value] of [
    ["0", 0],
    ["80", 80],
    ["50M", 50_000_000],
    ["1.5Ki", 1536],
    ["10k", 10_000],
  ] as const) {
    equal(quantity(text, "x"), value);
  }
  for (const text of ["", "M", "-1", "1e3", "1 M", "1Q", "0x10", "99999999T"]) {
    throws(() => quantity(text, "x"), { code: Code.InvalidArgument }, text);
  }
});

test("a class of RDT is handed to the runtime where RDT is configured", () => {
  const asked = (name: string, rdtConfigFile: string): ReturnType<typeof rdtClass> =>
    rdtClass(specInput({ plan: { annotations: { "io.kubernetes.cri.rdt-class": name } }, options: { rdtConfigFile } }));
  equal(rdtClass(specInput()), undefined);
  deepEqual(asked("gold", "/etc/rdt.yaml"), { closID: "gold" });
  throws(() => asked("gold", ""), { code: Code.FailedPrecondition, message: /not enabled/ });
  for (const name of ["..", ".", "a/b", "a\0", "x".repeat(256)]) {
    throws(() => asked(name, "/etc/rdt.yaml"), { code: Code.InvalidArgument });
  }
});
