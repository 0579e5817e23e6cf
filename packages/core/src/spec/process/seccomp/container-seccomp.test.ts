import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import type { ProfileRequest } from "../../../containers/types.ts";
import { temporaryDirectory } from "../../testing/spec-input.ts";
import { containerSeccomp } from "./container-seccomp.ts";

const host = { privileged: false, seccomp: true, bounding: [] };
const localhost = (name: string): ProfileRequest => ({ kind: "localhost", name });

test("the default profile is given where it is asked for and can be", async () => {
  const asked: ProfileRequest = { kind: "runtime-default" };
  equal((await containerSeccomp(asked, host))?.defaultAction, "SCMP_ACT_ERRNO");
  equal(await containerSeccomp(asked, { ...host, privileged: true }), undefined);
  equal(await containerSeccomp(asked, { ...host, seccomp: false }), undefined);
  equal(await containerSeccomp({ kind: "unconfined" }, host), undefined);
  equal(await containerSeccomp(undefined, host), undefined);
});

test("a profile of the host is read, and does not bind a privileged container", async (t) => {
  const path = `${temporaryDirectory(t)}/p.json`;
  const profile = { defaultAction: "SCMP_ACT_LOG", syscalls: [] };
  writeFileSync(path, JSON.stringify(profile));
  deepEqual(await containerSeccomp(localhost(path), host), profile);
  equal(await containerSeccomp(localhost(path), { ...host, privileged: true }), undefined);
  await rejects(containerSeccomp(localhost(path), { ...host, seccomp: false }), { code: Code.FailedPrecondition });
});

test("a profile of the host that is none is refused, never replaced by none", async (t) => {
  const dir = temporaryDirectory(t);
  mkdirSync(`${dir}/directory`);
  execFileSync("mkfifo", [`${dir}/fifo`]);
  writeFileSync(`${dir}/empty`, "");
  writeFileSync(`${dir}/bad`, "{");
  writeFileSync(`${dir}/large`, "{");
  truncateSync(`${dir}/large`, 2 ** 30);
  const names = ["", "relative.json", `${dir}/a\0b`, "/dev/zero"];
  names.push(...["missing", "directory", "fifo", "empty", "bad", "large", "empty/x"].map((name) => `${dir}/${name}`));
  for (const name of names) {
    for (const privileged of [false, true]) {
      await rejects(containerSeccomp(localhost(name), { ...host, privileged }), { code: Code.InvalidArgument }, name);
    }
  }
  ok(names.length === 11);
});
