import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code, hasCode } from "@crib/errdefs";

import { credentialsOf } from "./credentials.ts";

test("no flags are no credentials, --creds has them", async () => {
  equal(await credentialsOf({}, "x"), undefined);
  deepEqual(await credentialsOf({ creds: "me:hunter2:x" }, "x"), { username: "me", password: "hunter2:x" });
  deepEqual(await credentialsOf({ creds: "me:" }, "x"), { username: "me", password: "" });
});

test("flags that do not go together are refused without saying the password", async () => {
  for (const options of [
    { creds: ":hunter2" },
    { creds: "" },
    { passwordStdin: true },
    { username: "", passwordStdin: true },
  ] as const) {
    await rejects(credentialsOf(options, "x"), (reason: Error) => {
      ok(!reason.message.includes("hunter2"));
      return hasCode(reason, Code.InvalidArgument);
    });
  }
});

test("a file gives what it has for the registry of the image, in each form", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-auth-"));
  t.after(() => rm(dir, { recursive: true }));
  const authfile = join(dir, "config.json");
  const auths = {
    "registry.example": { auth: Buffer.from("me:hunter2").toString("base64") },
    "other.example:5000": { identitytoken: "hunter3" },
    "https://index.docker.io/v1/": { username: "hub", password: "hunter4" },
  };
  await writeFile(authfile, JSON.stringify({ auths }));
  deepEqual(await credentialsOf({ authfile }, "registry.example/x"), { username: "me", password: "hunter2" });
  deepEqual(await credentialsOf({ authfile }, "other.example:5000/x"), { identityToken: "hunter3" });
  deepEqual(await credentialsOf({ authfile }, "busybox"), { username: "hub", password: "hunter4" });
  await rejects(credentialsOf({ authfile }, "nobody.example/x"), { code: Code.NotFound });
  await rejects(credentialsOf({ authfile: join(dir, "missing") }, "registry.example/x"), { code: Code.NotFound });
  await writeFile(authfile, '{"auths": hunter2}');
  await rejects(credentialsOf({ authfile }, "registry.example/x"), (reason: Error) => {
    ok(!reason.message.includes("hunter2"), reason.message);
    return true;
  });
});
