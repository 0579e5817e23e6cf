import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { AuthConfigSchema } from "@crib/wire/cri";

import { toPullRequest } from "./pull-request.ts";

const handlers = { defaultName: "runc", all: [] };
const secret = "hunter2";

/** xorshift32: the same inputs each time, so that a failure can be seen again. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

const pieces = [
  ...Array.from("aZ0-_./:@ \0\n\u009b\u202e\ud800é"),
  "..",
  "//",
  "sha256:",
  "a".repeat(64),
  "f".repeat(128),
  "latest",
  "docker.io",
  "localhost:5000",
  "[::1]",
  "http://",
  "user:pass@",
  "%2e%2e",
  "x".repeat(300),
];

function text(random: (limit: number) => number): string {
  return Array.from({ length: random(8) }, () => pieces[random(pieces.length)] ?? "").join("");
}

test("twenty thousand hostile pulls are each a reference or InvalidArgument, and no message has the password", () => {
  const random = generator(20_261_121);
  let passed = 0;
  for (let i = 0; i < 20_000; i++) {
    const image = { image: text(random), runtimeHandler: random(9) === 0 ? text(random) : "" };
    const auth = create(AuthConfigSchema, {
      ...(random(2) && { username: text(random) }),
      ...(random(2) && { password: `${secret}${text(random)}` }),
      ...(random(2) && { auth: Buffer.from(`${text(random)}${secret}`).toString("base64url") }),
      ...(random(4) === 0 && { identityToken: `${secret}${text(random)}` }),
      ...(random(4) === 0 && { registryToken: `${secret}${text(random)}` }),
      ...(random(4) === 0 && { serverAddress: text(random) }),
    });
    try {
      const { reference } = toPullRequest(handlers, image, auth);
      for (const part of Object.values(reference)) {
        ok(/^[\w.:[\]/-]+$/.test(part) && !part.split("/").includes(".."), JSON.stringify(image));
      }
      passed++;
    } catch (reason) {
      ok(reason instanceof StatusError, String(reason));
      equal(reason.code, Code.InvalidArgument, reason.message);
      ok(!/\p{Cc}/u.test(reason.message), JSON.stringify(reason.message));
      ok(!reason.message.includes(secret), reason.message);
    }
  }
  ok(passed > 100 && passed < 19_000, `${passed} passed`);
});
