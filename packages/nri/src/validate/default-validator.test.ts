import { doesNotThrow, throws } from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import {
  Field,
  SecurityProfile_ProfileType as ProfileType,
  ValidateContainerAdjustmentRequestSchema,
} from "@crib/wire/nri";

import { noValidator } from "../testing/no-validator.ts";
import { testContainer, testPod } from "../testing/test-nri.ts";
import type { DefaultValidatorOptions } from "../types.ts";
import { checkOwners, checkRequired } from "./default-validator.ts";

type Owners = {
  readonly simple?: Record<number, string>;
  readonly compound?: Record<number, { owners: Record<string, string> }>;
};

function check(
  refused: Partial<DefaultValidatorOptions>,
  owners: Owners,
  profileType: ProfileType = ProfileType.UNCONFINED,
): void {
  checkOwners(
    { ...noValidator, enable: true, ...refused },
    create(ValidateContainerAdjustmentRequestSchema, {
      container: testContainer({ linux: { seccompProfile: { profileType } } }),
      owners: { owners: { c1: owners } },
    }),
  );
}

const hooks = { simple: { [Field.OciHooks]: "10-a" } };
const seccomp = { simple: { [Field.SeccompPolicy]: "10-a" } };
const namespace = { compound: { [Field.Namespace]: { owners: { ipc: "10-a" } } } };
const sysctl = { compound: { [Field.Sysctl]: { owners: { "a.b": "10-a" } } } };

const cases: readonly (readonly [keyof DefaultValidatorOptions, Owners, ProfileType])[] = [
  ["rejectOciHooks", hooks, ProfileType.UNCONFINED],
  ["rejectRuntimeDefaultSeccomp", seccomp, ProfileType.RUNTIME_DEFAULT],
  ["rejectUnconfinedSeccomp", seccomp, ProfileType.UNCONFINED],
  ["rejectCustomSeccomp", seccomp, ProfileType.LOCALHOST],
  ["rejectNamespaces", namespace, ProfileType.UNCONFINED],
  ["rejectSysctls", sysctl, ProfileType.UNCONFINED],
];

for (const [option, owners, profile] of cases) {
  test(`${option} refuses what it is for, and nothing else`, () => {
    throws(() => check({ [option]: true }, owners, profile), /plugin "10-a" adjusts/);
    doesNotThrow(() => check({}, owners, profile));
    for (const [other, others, otherProfile] of cases) {
      if (other !== option)
        doesNotThrow(() => check({ [option]: true }, others, otherProfile), `${option} against ${other}`);
    }
  });
}

const required = (
  annotations: Record<string, string>,
  container: string | undefined,
  names: readonly string[] = [],
): void => {
  const options = { ...noValidator, enable: true, requiredPlugins: names, tolerateMissingAnnotation: "tolerate.io" };
  checkRequired(options, testPod({ annotations }), [{ index: "10", name: "there" }], container);
};

test("plugins are required by name or by index and name", () => {
  doesNotThrow(() => required({}, "c", ["there", "10-there"]));
  throws(() => required({}, "c", ["there", "20-there"]), /required plugin "20-there" is not there/);
});

test("a pod may require plugins by a YAML list, most exactly for one container", () => {
  const key = "required-plugins.noderesource.dev";
  for (const list of ["[ x, there ]", '["x"]', "- there\n- x\n", "- 'x'"])
    throws(() => required({ [key]: list }, "c"), /"x"/);
  for (const list of ["", "[]", "[there]", "- there"]) doesNotThrow(() => required({ [key]: list }, "c"));
  for (const list of ["x: y", "[a b]", "- [x]", "there"])
    throws(() => required({ [key]: list }, "c"), /not a list of names/);
  doesNotThrow(() => required({ [key]: "[x]", [`${key}/container.c`]: "[]" }, "c"));
  throws(() => required({ [key]: "[]", [`${key}/pod`]: "[x]" }, "c"), /"x"/);
});

test("a pod may do without, most exactly for one container; anything but a boolean is refused", () => {
  doesNotThrow(() => required({ "tolerate.io": "true" }, "c", ["x"]));
  doesNotThrow(() => required({ "tolerate.io": "false", "tolerate.io/container.c": "true" }, "c", ["x"]));
  throws(() => required({ "tolerate.io": "true", "tolerate.io/pod": "false" }, "c", ["x"]), /"x"/);
  throws(() => required({ "tolerate.io": "yes" }, "c", ["x"]), /not true or false/);
});

test("a pod one of whose containers does without may be run", () => {
  doesNotThrow(() => required({ "tolerate.io/container.c": "true" }, undefined, ["x"]));
  throws(() => required({ "tolerate.io/container.c": "false" }, undefined, ["x"]), /"x"/);
});
