import { deepEqual, equal, match, notEqual, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { specInput } from "../testing/spec-input.ts";
import { containerRlimits } from "./container-rlimits.ts";
import { ownHardLimits, parseHardLimits } from "./hard-limits.ts";
import { hiddenPaths } from "./hidden-paths.ts";
import { selinuxLabels } from "./selinux-labels.ts";

const meters = "/sys/devices/virtual/powercap";
for (const { what, privileged = false, maskedPaths, gives } of [
  { what: "those of the request and the power meters", maskedPaths: ["/proc/kcore"], gives: ["/proc/kcore", meters] },
  { what: "the power meters once", maskedPaths: [meters, "/x"], gives: [meters, "/x"] },
  { what: "none where the request says none", maskedPaths: [], gives: [] },
  { what: "none of a privileged container", privileged: true, maskedPaths: ["/proc/kcore"], gives: [] },
]) {
  test(`masked paths are ${what}`, () => {
    const paths = hiddenPaths({ privileged, maskedPaths, readonlyPaths: ["/proc/sys"] });
    deepEqual(paths, { maskedPaths: gives, readonlyPaths: privileged ? [] : ["/proc/sys"] });
  });
}

test("labels are the container's, else the pod's, else ordinary ones", () => {
  const selinux = true;
  const some = { user: "", role: "", type: "spc_t", level: "" };
  const pod = { user: "u", role: "", type: "pod_t", level: "s0:c1,c2" };
  const security = { supplementalGroups: [], readonlyRootfs: false, seccomp: { kind: "unconfined" } } as const;
  equal(selinuxLabels(specInput({ features: { selinux: false }, security: { selinux: some } })), undefined);
  equal(selinuxLabels(specInput({ features: { selinux }, security: { privileged: true } })), undefined);
  deepEqual(
    selinuxLabels(
      specInput({
        features: { selinux },
        security: { selinux: some },
        sandbox: { security: { ...security, selinux: pod } },
      }),
    ),
    { process: "u:system_r:spc_t:s0:c1,c2", mount: "system_u:object_r:container_file_t:s0:c1,c2" },
  );
  const first = specInput({ features: { selinux } });
  const labels = selinuxLabels(first);
  match(labels?.process ?? "", /^system_u:system_r:container_t:s0:c\d{1,4},c\d{1,4}$/);
  deepEqual(selinuxLabels({ ...first, plan: { ...first.plan, name: "other" } }), labels);
  notEqual(selinuxLabels({ ...first, sandbox: { ...first.sandbox, id: "b".repeat(64) } })?.mount, labels?.mount);
});

test("limits are those configured, no higher than the daemon can give", () => {
  const rlimits = {
    RLIMIT_NOFILE: { soft: 1024, hard: 1_048_576 },
    RLIMIT_CORE: { soft: 0, hard: Number.POSITIVE_INFINITY },
  };
  deepEqual(containerRlimits({}), []);
  deepEqual(containerRlimits(rlimits, new Map([["RLIMIT_NOFILE", 4096]])), [
    { type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 },
    { type: "RLIMIT_CORE", soft: 0, hard: Number.MAX_SAFE_INTEGER },
  ]);
  for (const [name, soft, hard] of [
    ["NOFILE", 1, 1],
    ["RLIMIT_NOFILE", 2, 1],
    ["RLIMIT_NOFILE", -1, 1],
    ["RLIMIT_NOFILE", Number.NaN, 1],
  ] as const) {
    throws(() => containerRlimits({ [name]: { soft, hard } }), { code: Code.InvalidArgument });
  }
});

test("hard limits are read as the kernel prints them", () => {
  const text = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            1024                 524288               files
Max nice priority         0                    0
Max realtime timeout      unlimited            7                    us
`;
  deepEqual(
    [...parseHardLimits(text)],
    [
      ["RLIMIT_CPU", Number.POSITIVE_INFINITY],
      ["RLIMIT_NOFILE", 524_288],
      ["RLIMIT_NICE", 0],
      ["RLIMIT_RTTIME", 7],
    ],
  );
  ok(ownHardLimits().size >= 15);
});
