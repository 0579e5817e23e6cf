import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { accessSync, mkdirSync, writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";

import type { SeccompProfile } from "@crib/oci-spec";

import { temporaryDirectory } from "../../testing/spec-input.ts";
import { allowedSyscalls } from "./allowed-syscalls.ts";
import { defaultSeccomp } from "./default-seccomp.ts";
import { decide } from "./testing/decide.ts";
import { socketProbe } from "./testing/socket-probe.ts";

const allow = "SCMP_ACT_ALLOW";
const eperm = "SCMP_ACT_ERRNO 1";
const enosys = "SCMP_ACT_ERRNO 38";
const upper = 1n << 32n;

for (const { call, args = [], capabilities = [], arch = "x64", gives } of [
  { call: "read", gives: allow },
  { call: "keyctl", gives: eperm },
  { call: "userfaultfd", gives: eperm },
  { call: "io_uring_setup", gives: eperm },
  { call: "mount", gives: eperm },
  { call: "mount", capabilities: ["CAP_SYS_ADMIN"], gives: allow },
  { call: "bpf", gives: eperm },
  { call: "bpf", capabilities: ["CAP_BPF"], gives: allow },
  { call: "chroot", gives: eperm },
  { call: "chroot", capabilities: ["CAP_SYS_CHROOT"], gives: allow },
  { call: "open_by_handle_at", capabilities: ["CAP_DAC_READ_SEARCH"], gives: allow },
  { call: "kexec_load", capabilities: ["CAP_SYS_ADMIN", "CAP_SYS_BOOT"], gives: eperm },
  { call: "clone3", gives: enosys },
  { call: "clone3", capabilities: ["CAP_SYS_ADMIN"], gives: allow },
  { call: "clone", args: [17n], gives: allow },
  { call: "clone", args: [0x3d_0f_00n], gives: allow },
  { call: "clone", args: [0x1000_0011n], gives: eperm },
  { call: "clone", args: [0x2_0000n], gives: eperm },
  { call: "clone", args: [0x1000_0011n], capabilities: ["CAP_SYS_ADMIN"], gives: allow },
  { call: "clone", args: [0x1000_0011n, 0n], arch: "s390x", gives: allow },
  { call: "clone", args: [0n, 0x1000_0011n], arch: "s390x", gives: eperm },
  { call: "unshare", gives: eperm },
  { call: "personality", args: [0n], gives: allow },
  { call: "personality", args: [0xff_ff_ff_ffn], gives: allow },
  { call: "personality", args: [0x4_0000n], gives: eperm },
  { call: "arch_prctl", gives: allow },
  { call: "arch_prctl", arch: "arm64", gives: eperm },
  { call: "cacheflush", arch: "arm64", gives: allow },
  { call: "socketcall", args: [1n], gives: enosys },
  { call: "socketcall", args: [3n], gives: enosys },
  { call: "socketcall", args: [1n], arch: "s390x", gives: allow },
]) {
  test(`${call}(${args.join()}) with [${capabilities.join()}] on ${arch}: ${gives}`, () => {
    equal(decide(defaultSeccomp(capabilities, arch), call, args), gives);
  });
}

test("sockets of all families but AF_ALG and AF_VSOCK are allowed, whatever the argument's upper half", () => {
  const profile = defaultSeccomp([], "x64");
  for (let family = 0n; family < 128n; family++) {
    const gives = family === 38n || family === 40n || family >= 64n ? eperm : allow;
    for (const given of [family, family | upper, family | (upper << 31n)]) {
      equal(decide(profile, "socket", [given]), gives, `${given}`);
    }
  }
});

test("a system call has one rule only, unless all have conditions", () => {
  equal(new Set(allowedSyscalls).size, allowedSyscalls.length);
  for (const capabilities of [[], ["CAP_SYS_ADMIN", "CAP_BPF", "CAP_SYS_PTRACE"]]) {
    const rules = defaultSeccomp(capabilities, "x64").syscalls ?? [];
    for (const name of new Set(rules.flatMap(({ names }) => names))) {
      const its = rules.filter(({ names }) => names.includes(name));
      // libseccomp takes one without conditions over all others, and two that differ for the same case as an error.
      const plain = its.filter(({ args }) => args === undefined);
      if (plain.length > 0) deepEqual(new Set(its.map(({ action }) => action)).size, 1, name);
    }
    ok(rules.every(({ args = [] }) => new Set(args.map(({ index }) => index)).size === args.length));
  }
});

test("programs of the processor's other architectures run too, where libseccomp knows the processor", () => {
  deepEqual(defaultSeccomp([], "x64").architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
  deepEqual(defaultSeccomp([], "arm64").architectures, ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
  equal(defaultSeccomp([], "vax").architectures, undefined);
});

test("each profile is new", () => {
  const [first, second] = [defaultSeccomp([]), defaultSeccomp([])];
  deepEqual(first, second);
  notEqual(first.syscalls?.[0]?.names, second.syscalls?.[0]?.names);
});

test("the kernel denies AF_ALG and AF_VSOCK to 64-bit and 32-bit programs", { skip: whyNoProbe() ?? false }, (t) => {
  const results = probe(t, defaultSeccomp(["CAP_NET_RAW"]));
  const denied = new Set([1, 38]);
  for (let family = 0; family < 64; family++) {
    const [direct, high, compat, muxed] = results.subarray(family * 4, family * 4 + 4);
    const isDenied = family === 38 || family === 40;
    for (const errno of [direct, high, compat]) {
      equal(denied.has(errno ?? 0), isDenied, `family ${family}: error ${errno}`);
    }
    equal(muxed, 38, `family ${family}: socketcall`);
  }
});

function whyNoProbe(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  if (process.arch !== "x64") return "needs x86-64";
  const dirs = (process.env["PATH"] ?? "").split(":");
  return dirs.some((dir) => canUse(`${dir}/runc`)) ? undefined : "needs runc";
}

function canUse(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

function probe(t: TestContext, seccomp: SeccompProfile): Buffer {
  const dir = temporaryDirectory(t);
  mkdirSync(`${dir}/rootfs/proc`, { recursive: true });
  writeFileSync(`${dir}/rootfs/probe`, socketProbe(), { mode: 0o755 });
  const spec = {
    ociVersion: "1.0.2",
    root: { path: "rootfs" },
    process: { user: { uid: 0, gid: 0 }, args: ["/probe"], cwd: "/", env: [], noNewPrivileges: true },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    linux: { namespaces: [{ type: "mount" }, { type: "pid" }], seccomp, cgroupsPath: `/crib-test-${process.pid}` },
  };
  writeFileSync(`${dir}/config.json`, JSON.stringify(spec));
  return execFileSync("runc", ["--root", `${dir}/state`, "run", "--bundle", dir, `probe-${process.pid}`]);
}
