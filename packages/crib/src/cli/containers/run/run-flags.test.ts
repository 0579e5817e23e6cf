import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseForwardedPort } from "../port-forward.ts";
import { parseEnvironmentFile } from "./parse-environment.ts";
import { parseCpus, parseMemory, parseUser } from "./parse-limits.ts";
import { parsePublishedPort } from "./parse-port.ts";
import { parseVolume } from "./parse-volume.ts";

const wrong = { code: Code.InvalidArgument };

test("published and forwarded ports", () => {
  deepEqual(parsePublishedPort("8080:80"), { hostIp: "", hostPort: 8080, containerPort: 80, protocol: 0 });
  deepEqual(parsePublishedPort("127.0.0.1:53:5353/udp"), {
    hostIp: "127.0.0.1",
    hostPort: 53,
    containerPort: 5353,
    protocol: 1,
  });
  equal(parsePublishedPort("[::1]:1:2").hostIp, "::1");
  for (const text of ["", "80", "0:80", "80:65536", "80:80/icmp", "x:1:2", "::1:1:2", "1:2:3:4"]) {
    throws(() => parsePublishedPort(text), wrong, text);
  }
  deepEqual(parseForwardedPort("80"), { local: 80, remote: 80 });
  deepEqual(parseForwardedPort(":80"), { local: 0, remote: 80 });
  deepEqual(parseForwardedPort("8080:80"), { local: 8080, remote: 80 });
  for (const text of ["", ":", "0", "80:", "70000", "1:2:3"]) throws(() => parseForwardedPort(text), wrong, text);
});

test("limits, users, volumes and variables", () => {
  for (const [text, bytes] of [
    ["512m", 536_870_912n],
    ["1.5g", 1_610_612_736n],
    ["64Mi", 67_108_864n],
    ["100", 100n],
    ["1kb", 1024n],
  ] as const) {
    equal(parseMemory(text), bytes, text);
  }
  for (const text of ["", "0", "-1", "m", "1x", "1e3"]) throws(() => parseMemory(text), wrong, text);
  deepEqual([parseCpus("0.5"), parseCpus("2"), parseCpus("0.001")], [50_000n, 200_000n, 1_000n]);
  for (const text of ["", "0", "-1", "half"]) throws(() => parseCpus(text), wrong, text);
  deepEqual(parseUser("33:34"), { runAsUser: { value: 33n }, runAsGroup: { value: 34n } });
  deepEqual(parseUser("web"), { runAsUsername: "web" });
  throws(() => parseUser("web:staff"), wrong);
  deepEqual(
    parseVolume("/a:/b:ro", () => true),
    { hostPath: "/a", containerPath: "/b", readonly: true },
  );
  throws(() => parseVolume("/a:/b", () => false), { code: Code.NotFound });
  for (const text of ["/a", "/a:b", "/a:/b:rx", "/a:/b:ro:z"]) throws(() => parseVolume(text, () => true), wrong, text);
  const variables = parseEnvironmentFile("# no\n\nA=1=2\r\nB\nC\n", { B: "own" });
  deepEqual(
    variables.map(({ key, value }) => `${key}:${Buffer.from(value).toString()}`),
    ["A:1=2", "B:own"],
  );
});
