import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { test, type TestOptions } from "node:test";

import { SecurityProfile_ProfileType as ProfileType } from "@crib/wire/cri";

import { busyboxWith } from "../support/containers/busybox-with.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import { runScript } from "../support/containers/run-script.ts";
import { type SystemCall, systemCall } from "../support/containers/system-call.ts";
import { withSecurity } from "../support/containers/with-security.ts";
import type { TarEntry } from "../support/images/tar-archive.ts";
import { needsRoot } from "../support/needs-root.ts";

const needsX64: TestOptions =
  process.arch === "x64" ? needsRoot : { skip: "the probes are programs of x86-64 and of the processors before it" };

const EPERM = 1;
const ENOSYS = 38;
/** What a shell says of a process that SIGSYS ended. */
const killed = 128 + 31;

const afAlg = 38;
const afVsock = 40;
const families = [...Array.from({ length: 46 }, (_, family) => family), 63];
/** `SOCK_SEQPACKET`, which hardly any family has: its answer is another error than that of the profile. */
const seqpacket = 5;
const newUserNamespace = 0x10_00_00_00;

const socket = { 64: 41, 32: 359 } as const;
/** Numbers by the kind of program, an argument that does nothing, and what the profile answers. */
const denied = {
  add_key: { 64: 248, 32: 286, args: [0, 0, 0, 0], answer: EPERM },
  keyctl: { 64: 250, 32: 288, args: [99, 0, 0, 0], answer: EPERM },
  io_uring_setup: { 64: 425, 32: 425, args: [0, 0], answer: EPERM },
  unshare: { 64: 272, 32: 310, args: [newUserNamespace], answer: EPERM },
  clone3: { 64: 435, 32: 435, args: [0, 0], answer: ENOSYS },
} as const;

const sixtyFour: Readonly<Record<string, SystemCall>> = {
  // The kernel looks at the lower half of the family only.
  "socket-64-high": { bits: 64, number: socket[64], args: [2 ** 32 + afAlg, seqpacket, 0] },
  "clone-64-newuser": { bits: 64, number: 56, args: [newUserNamespace + 17, 0, 0, 0] },
};
const thirtyTwo: Readonly<Record<string, SystemCall>> = {
  // The older way to a socket, whose family is in memory where no profile can see it.
  "socketcall-32": { bits: 32, number: 102, args: [1, 0] },
  "clone-32-newuser": { bits: 32, number: 120, args: [newUserNamespace + 17, 0, 0, 0] },
};

const probes: Readonly<Record<string, SystemCall>> = Object.fromEntries([
  ...([64, 32] as const).flatMap((bits) => [
    ...families.map((family): [string, SystemCall] => [
      `socket-${bits}-${family}`,
      { bits, number: socket[bits], args: [family, seqpacket, 0] },
    ]),
    ...Object.entries(denied).map(([name, call]): [string, SystemCall] => [
      `${name}-${bits}`,
      { bits, number: call[bits], args: call.args },
    ]),
  ]),
  ...Object.entries({ ...sixtyFour, ...thirtyTwo }),
  // getpid() of the third kind of programs.
  ["x32", { bits: 64, number: 0x40_00_00_00 + 39, args: [] }],
]);

test("what system calls programs of both kinds may make (CVE-2026-31431, CVE-2026-123876)", needsX64, async (t) => {
  const scene = await startContainerNode(t);
  const entries = Object.entries(probes).map(([name, call]): TarEntry => ({
    name: `probes/${name}`,
    mode: 0o755,
    content: systemCall(call),
  }));
  const image = await scene.pull(busyboxWith([{ name: "probes", type: "directory" }, ...entries]));
  const pod = await scene.node.runPod();
  const answers = async (profileType: ProfileType): Promise<Readonly<Record<string, number>>> => {
    const change = withSecurity({ seccomp: { profileType, localhostRef: "" } });
    const script = 'cd /probes; for probe in *; do ./$probe 2>/dev/null; echo "$probe $?"; done';
    const lines = (await runScript(scene, pod, script, { image, change })).trim().split("\n");
    return Object.fromEntries(lines.map((line) => line.split(" ")).map(([name = "", code]) => [name, Number(code)]));
  };
  const free = await answers(ProfileType.Unconfined);
  const confined = await answers(ProfileType.RuntimeDefault);
  deepEqual(Object.keys(confined).toSorted(), Object.keys(probes).toSorted());

  await t.test("sockets of every family but two are what they are without the profile", () => {
    for (const bits of [64, 32]) {
      for (const family of families) {
        const name = `socket-${bits}-${family}`;
        notEqual(free[name], 126, "the host does not run 32-bit programs");
        equal(confined[name], family === afAlg || family === afVsock ? EPERM : free[name], name);
      }
      notEqual(free[`socket-${bits}-${afAlg}`], EPERM);
      notEqual(free[`socket-${bits}-${afVsock}`], EPERM);
    }
  });

  await t.test("there is no way round", () => {
    equal(confined["socket-64-high"], EPERM);
    equal(confined["socketcall-32"], ENOSYS);
    equal(confined["clone-64-newuser"], EPERM);
    equal(confined["clone-32-newuser"], EPERM);
    equal(confined["x32"], killed);
  });

  await t.test("calls that containers have no use for are refused", () => {
    const calls = Object.entries(denied).flatMap(([name, { answer }]) =>
      [64, 32].map((bits) => ({ name: `${name}-${bits}`, answer })),
    );
    // A host that is closed to some of them anyway shows nothing by these.
    const telling = calls.filter(({ name, answer }) => free[name] !== answer);
    ok(telling.length >= 4, JSON.stringify(free));
    for (const { name, answer } of calls) equal(confined[name], answer, name);
  });
});
