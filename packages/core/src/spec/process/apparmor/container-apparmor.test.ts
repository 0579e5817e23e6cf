import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import type { ProfileRequest } from "../../../containers/types.ts";
import { temporaryDirectory } from "../../testing/spec-input.ts";
import { containerAppArmor } from "./container-apparmor.ts";
import { defaultAppArmorText } from "./default-profile.ts";

const localhost = (name: string): ProfileRequest => ({ kind: "localhost", name });

test("profiles are as asked, the default one where nothing is", async (t) => {
  const profilesFile = `${temporaryDirectory(t)}/profiles`;
  writeFileSync(profilesFile, "/usr/sbin/x (enforce)\nmine (complain)\nwith (brackets) (enforce)\n");
  const on = { privileged: false, apparmor: true, profilesFile };
  const given = await Promise.all(
    [undefined, { kind: "runtime-default" } as const, { kind: "unconfined" } as const].map((each) =>
      containerAppArmor(each, on),
    ),
  );
  deepEqual(given, ["crib-default", "crib-default", "unconfined"]);
  equal(await containerAppArmor(localhost("mine"), on), "mine");
  equal(await containerAppArmor(localhost("with (brackets)"), on), "with (brackets)");
  equal(await containerAppArmor(localhost("mine"), { ...on, privileged: true }), "mine");
  equal(await containerAppArmor({ kind: "runtime-default" }, { ...on, privileged: true }), undefined);
  for (const name of ["", "other", "mine (complain)", "with", "min"]) {
    await rejects(containerAppArmor(localhost(name), on), { code: Code.InvalidArgument });
  }
});

test("without AppArmor only a profile of the host is an error", async () => {
  const off = { privileged: false, apparmor: false };
  for (const wanted of [undefined, { kind: "runtime-default" }, { kind: "unconfined" }] as const) {
    equal(await containerAppArmor(wanted, off), undefined);
  }
  await rejects(containerAppArmor(localhost("mine"), off), { code: Code.FailedPrecondition });
  await rejects(containerAppArmor(localhost(""), off), { code: Code.InvalidArgument });
});

test("the default profile names itself, its peers and only what is there to include", () => {
  const bare = defaultAppArmorText({ name: "p", daemonProfile: "unconfined", hasAbi: false, hasTunables: false });
  match(bare, /^@\{PROC\}=\/proc\/\n\nprofile p flags=\(attach_disconnected,mediate_deleted\) \{\n/);
  equal(bare.split("peer=unconfined,").length, 2);
  const full = defaultAppArmorText({ name: "p", daemonProfile: "my daemon", hasAbi: true, hasTunables: true });
  match(full, /^abi <abi\/3\.0>,\ninclude <tunables\/global>\n/);
  match(full, /signal \(receive\) peer="my daemon",\n/);
});
