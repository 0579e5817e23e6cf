import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import type { FindCredentials } from "../types.ts";
import { readDockerConfigCredentials } from "./docker-config.ts";

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "crib-docker-config-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const user = (username: string): object => ({ username, password: "p" });

async function userOf(find: FindCredentials, host: string, repository?: string): Promise<string | undefined> {
  const found = await find(host, repository);
  return found?.kind === "basic" ? found.username : found?.kind;
}

test("keys are hosts, URLs, hosts with paths, and hosts with wildcards; the best one counts", async (t) => {
  const path = join(makeDirectory(t), "config.json");
  const auths = {
    "https://index.docker.io/v1/": { auth: Buffer.from("hub:p").toString("base64") },
    "r.example": user("host"),
    "r.example/team": user("team"),
    "r.example/team/app": user("app"),
    "https://v2.example/v2/": user("v2"),
    "*.azure.example": user("azure"),
    "eu-*.azure.example": user("eu"),
    "one.azure.example": user("one"),
    "token.example": { identitytoken: "t" },
    "registry-token.example": { registrytoken: "t" },
    "helper.example": {},
    "null.example": null,
    "port.example:5000": user("port"),
  };
  writeFileSync(path, JSON.stringify({ auths, credsStore: "/bin/false", credHelpers: { "helper.example": "evil" } }));
  const find = readDockerConfigCredentials([path]);

  equal(await userOf(find, "docker.io"), "hub");
  equal(await userOf(find, "r.example", "other/app"), "host");
  equal(await userOf(find, "r.example", "team/x"), "team");
  equal(await userOf(find, "r.example", "team/app"), "app");
  equal(await userOf(find, "r.example", "team-x/app"), "host");
  equal(await userOf(find, "r.example"), "host");
  equal(await userOf(find, "v2.example", "x"), "v2");
  equal(await userOf(find, "two.azure.example"), "azure");
  equal(await userOf(find, "one.azure.example"), "one");
  equal(await userOf(find, "a.b.azure.example"), undefined);
  equal(await userOf(find, "token.example"), "identity-token");
  equal(await userOf(find, "registry-token.example"), "registry-token");
  equal(await userOf(find, "helper.example"), undefined);
  equal(await userOf(find, "null.example"), undefined);
  equal(await userOf(find, "port.example:5000"), "port");
  equal(await userOf(find, "port.example"), undefined);
  equal(await userOf(find, "unknown.example"), undefined);
});

test("the first file that has an entry counts; files that are not there, or change, are no mistake", async (t) => {
  const directory = makeDirectory(t);
  const [one, two] = [join(directory, "one.json"), join(directory, "two.json")];
  const find = readDockerConfigCredentials([one, two]);
  equal(await find("r.example"), undefined);
  writeFileSync(two, JSON.stringify({ auths: { "r.example": user("two") } }));
  equal(await userOf(find, "r.example"), "two");
  writeFileSync(one, JSON.stringify({ auths: { "r.example": user("one") } }));
  equal(await userOf(find, "r.example"), "one");
  writeFileSync(one, "{}");
  equal(await userOf(find, "r.example"), "two");
});

test("a file that cannot be read fails by name, without its contents", async (t) => {
  const path = join(makeDirectory(t), "config.json");
  const find = readDockerConfigCredentials([path]);
  const secret = "hunter2hunter2";
  for (const text of [
    `{"auths": {"r.example": {"password": ${secret}`,
    `{"auths": {"r.example": {"password": ["${secret}"]}}}`,
    `{"auths": "${secret}"}`,
    `{"auths": {"r.example": {"auth": "${secret}%"}}}`,
  ]) {
    writeFileSync(path, text);
    await rejects(find("r.example"), (error: StatusError) => {
      equal(error.code, Code.FailedPrecondition);
      ok(error.message.includes(path) && !error.message.includes(secret), error.message);
      return true;
    });
  }
});

test("names of JavaScript's own are hosts like any other", async (t) => {
  const path = join(makeDirectory(t), "config.json");
  writeFileSync(path, '{"auths": {"__proto__": {"username": "x", "password": "y"}, "constructor": {}}}');
  const find = readDockerConfigCredentials([path]);
  deepEqual(await find("toString"), undefined);
  equal(({} as { username?: string }).username, undefined);
});
