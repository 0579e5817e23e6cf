import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import type { ContainerUser } from "../../containers/types.ts";
import { temporaryDirectory } from "../testing/spec-input.ts";
import { containerUser, type UserRequest } from "./container-user.ts";

const passwd = `root:x:0:7:root:/root:/bin/sh
# comment:x:1:1

web:x:1000:1001:Web:/home/web:/bin/sh
twice:x:1000:3000::/:
junk:x:65536junk:0::/:
hex:x:0x0:0::/:
short:x:5
0x0:x:0:0::/:
1e3:x:0:0::/:
-1:x:0:0::/:
+1:x:0:0::/:
65536junk:x:0:0::/:
4294967296:x:0:0::/:
2147483648:x:0:0::/:
99999999999:x:0:0::/:
 x:x:0:0::/:
last:x:2000:2000::/:`;

const group = `root:x:0:
wheel:x:10:root
audio:x:29:web,last
video:x:44:other, web
www:x:1001:web
users:x:100:web
badid:x:0x5:web
docker:x:4294967296:web
0x0:x:0:
gamers:x:60:gamer,web`;

function rootfsOf(t: TestContext, files: Readonly<Record<string, string>> = { passwd, group }): string {
  const rootfs = temporaryDirectory(t);
  mkdirSync(`${rootfs}/etc`);
  for (const [name, text] of Object.entries(files)) writeFileSync(`${rootfs}/etc/${name}`, text);
  return rootfs;
}

const merge: UserRequest = { supplementalGroups: [], supplementalGroupsPolicy: "merge" };
const strict: UserRequest = { ...merge, supplementalGroupsPolicy: "strict" };

const cases: readonly {
  readonly what: string;
  readonly request?: Partial<UserRequest>;
  readonly image?: string;
  readonly gives: ContainerUser;
  /** With the policy Strict, where it differs. */
  readonly strictly?: readonly number[];
}[] = [
  { what: "nobody named", gives: { uid: 0, gid: 0, additionalGids: [0, 10] }, strictly: [0] },
  { what: "root", image: "root", gives: { uid: 0, gid: 7, additionalGids: [7, 10] }, strictly: [7] },
  {
    what: "a user of the image",
    image: "web",
    gives: { uid: 1000, gid: 1001, additionalGids: [1001, 29, 100, 60] },
    strictly: [1001],
  },
  {
    what: "a number that has a name",
    image: "1000",
    gives: { uid: 1000, gid: 1001, additionalGids: [1001, 29, 100, 60] },
    strictly: [1001],
  },
  { what: "a number without a name", image: "1234", gives: { uid: 1234, gid: 0, additionalGids: [0] } },
  { what: "two numbers", image: "1234:5678", gives: { uid: 1234, gid: 5678, additionalGids: [5678] } },
  {
    what: "a name with a group",
    image: "last:audio",
    gives: { uid: 2000, gid: 29, additionalGids: [29] },
  },
  {
    what: "a group of nobody named",
    image: ":audio",
    gives: { uid: 0, gid: 29, additionalGids: [29, 10] },
    strictly: [29],
  },
  { what: "the largest id", image: "2147483647", gives: { uid: 2_147_483_647, gid: 0, additionalGids: [0] } },
  {
    what: "a request, whatever the image says",
    request: { runAsUser: 2000 },
    image: "0x0:0x0",
    gives: { uid: 2000, gid: 2000, additionalGids: [2000, 29] },
    strictly: [2000],
  },
  {
    what: "a request with a group",
    request: { runAsUser: 5, runAsGroup: 6 },
    gives: { uid: 5, gid: 6, additionalGids: [6] },
  },
  {
    what: "a request by name",
    request: { runAsUsername: "web", runAsGroup: 6 },
    gives: { uid: 1000, gid: 6, additionalGids: [6, 29, 1001, 100, 60] },
    strictly: [6],
  },
  {
    what: "groups of the request",
    request: { runAsUser: 2000, supplementalGroups: [7, 29, 7] },
    gives: { uid: 2000, gid: 2000, additionalGids: [2000, 29, 7] },
    strictly: [2000, 7, 29],
  },
];
for (const { what, request = {}, image = "", gives, strictly = gives.additionalGids } of cases) {
  test(`the user of ${what}`, async (t) => {
    const rootfs = rootfsOf(t);
    deepEqual(await containerUser({ ...merge, ...request }, image, rootfs), gives);
    const alone = await containerUser({ ...strict, ...request }, image, rootfs);
    deepEqual(alone, { ...gives, additionalGids: strictly });
  });
}

for (const user of [
  "2147483648:1",
  "2147483648",
  "4294967296",
  "4294967295",
  "99999999999",
  "18446744073709551616",
  "0x0",
  "1e3",
  "65536junk",
  "-1",
  "+1",
  "00",
  "007",
  "1 ",
  " 1",
  " x",
  "nobody",
  "junk",
  "hex",
  "short",
  "root\n",
  "# comment",
  "1000:nogroup",
  "1000:4294967296",
  "1000:-1",
  "1000:0x0",
  "web:badid",
  "web:www:x",
  "__proto__",
]) {
  test(`${JSON.stringify(user)} of an image is refused, and never root`, async (t) => {
    const rootfs = rootfsOf(t);
    await rejects(containerUser(merge, user, rootfs), { code: Code.InvalidArgument });
    await rejects(containerUser(strict, user, rootfs), { code: Code.InvalidArgument });
    if (!user.includes(":")) {
      await rejects(containerUser({ ...merge, runAsUsername: user }, "", rootfs), { code: Code.InvalidArgument });
    }
  });
}

test("requests that cannot be are refused", async (t) => {
  const rootfs = rootfsOf(t);
  for (const request of [
    { runAsGroup: 5 },
    { runAsUser: -1 },
    { runAsUser: 2_147_483_648 },
    { runAsUser: 1.5 },
    { runAsUser: 1, runAsGroup: -1 },
    { supplementalGroups: [-1] },
    { supplementalGroups: [4_294_967_296] },
  ]) {
    await rejects(containerUser({ ...merge, ...request }, "web", rootfs), { code: Code.InvalidArgument });
  }
});

test("an image without users has numbers only", async (t) => {
  const rootfs = temporaryDirectory(t);
  deepEqual(await containerUser(merge, "", rootfs), { uid: 0, gid: 0, additionalGids: [0] });
  deepEqual(await containerUser(merge, "5:6", rootfs), { uid: 5, gid: 6, additionalGids: [6] });
  await rejects(containerUser(merge, "root", rootfs), { code: Code.InvalidArgument, message: /"root"/ });
});

test("a user in more groups than the kernel takes is refused", async (t) => {
  const lines = Array.from({ length: 70_000 }, (_, index) => `g:x:${index}:w`).join("\n");
  const rootfs = rootfsOf(t, { passwd: "w:x:5:5::/:", group: lines });
  equal(lines.length < 1024 * 1024, true);
  await rejects(containerUser(merge, "w", rootfs), { code: Code.InvalidArgument });
  deepEqual(await containerUser(strict, "w", rootfs), { uid: 5, gid: 5, additionalGids: [5] });
});
