import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { parseAuthConfig } from "./auth-config.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

test("each form of the CRI's AuthConfig becomes credentials", () => {
  const host = "r.example";
  equal(parseAuthConfig({}, host), undefined);
  equal(parseAuthConfig({ username: "", password: "x", auth: "" }, host), undefined);
  deepEqual(parseAuthConfig({ username: "u", password: "p:w" }, host), {
    kind: "basic",
    username: "u",
    password: "p:w",
  });
  deepEqual(parseAuthConfig({ username: "u" }, host), { kind: "basic", username: "u", password: "" });
  deepEqual(parseAuthConfig({ auth: base64("u:p:w") }, host), { kind: "basic", username: "u", password: "p:w" });
  deepEqual(parseAuthConfig({ auth: base64("u:p\0\0\0") }, host), { kind: "basic", username: "u", password: "p" });
  deepEqual(parseAuthConfig({ auth: base64("_json_key:{\n}") }, host), {
    kind: "basic",
    username: "_json_key",
    password: "{\n}",
  });
  deepEqual(parseAuthConfig({ identityToken: "t", username: "u" }, host), { kind: "identity-token", token: "t" });
  deepEqual(parseAuthConfig({ registryToken: "t" }, host), { kind: "registry-token", token: "t" });
});

test("credentials of another registry are not used", () => {
  const fields = { username: "u", password: "p" };
  const isFor = (serverAddress: string, host: string): boolean =>
    parseAuthConfig({ ...fields, serverAddress }, host) !== undefined;
  equal(isFor("", "r.example"), true);
  equal(isFor("r.example", "r.example"), true);
  equal(isFor("R.example:443", "r.example"), true);
  equal(isFor("https://r.example/v2/", "r.example"), true);
  equal(isFor("https://index.docker.io/v1/", "docker.io"), true);
  equal(isFor("docker.io", "docker.io"), true);
  equal(isFor("r.example:5000", "r.example"), false);
  equal(isFor("other.example", "r.example"), false);
  equal(isFor("https://r.example.evil.example", "r.example"), false);
  equal(isFor("r.example", "docker.io"), false);
});

test("what cannot be read is refused without a word of it", () => {
  const secret = "hunter2hunter2";
  const cases = [
    { auth: `${secret}%` },
    { auth: base64(secret) },
    { auth: base64(`u\n${secret}:${secret}`) },
    { username: `${secret}:x`, password: secret },
    { identityToken: `${secret}\n` },
    { registryToken: `${secret}é` },
  ];
  for (const fields of cases) {
    throws(
      () => parseAuthConfig(fields, "r.example"),
      (error: StatusError) => {
        equal(error.code, Code.InvalidArgument);
        ok(!error.message.includes(secret) && !error.message.includes(base64(secret)), error.message);
        return true;
      },
    );
  }
});
