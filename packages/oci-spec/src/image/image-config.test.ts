import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { digestOf } from "./digest.ts";
import { parseImageConfig } from "./image-config.ts";
import type { ImageConfig } from "./types.ts";

const diffId = digestOf("layer");
const rootfs = { type: "layers", diff_ids: [diffId] };
const bare = { architecture: "amd64", os: "linux", rootfs };

function parse(value: unknown): ImageConfig {
  return parseImageConfig(Buffer.from(JSON.stringify(value)));
}

const empty = {
  platform: { os: "linux", architecture: "amd64", variant: "" },
  user: "",
  env: [],
  entrypoint: [],
  cmd: [],
  workingDir: "",
  labels: new Map(),
  volumes: [],
  exposedPorts: [],
  stopSignal: "",
  diffIds: [diffId],
};

test("everything a runtime reads is read", () => {
  const config = {
    User: "1000:5",
    Env: ["PATH=/bin", "NOVALUE"],
    Entrypoint: ["/init"],
    Cmd: ["serve", ""],
    WorkingDir: "/srv",
    Labels: { a: "b", __proto__: "x" },
    Volumes: { "/data": {}, "/other": null },
    ExposedPorts: { "80/tcp": {} },
    StopSignal: "SIGQUIT",
    OnBuild: 5,
  };
  const labels = JSON.parse('{"a":"b","__proto__":"x","c":null}') as unknown;
  const created = "2026-01-01T00:00:00Z";
  const history = Array.from({ length: 5_000 }, () => ({ created_by: "x" }));
  deepEqual(parse({ ...bare, variant: "v2", created, author: "me", history, config: { ...config, Labels: labels } }), {
    platform: { os: "linux", architecture: "amd64", variant: "v2" },
    created,
    author: "me",
    user: "1000:5",
    env: ["PATH=/bin", "NOVALUE"],
    entrypoint: ["/init"],
    cmd: ["serve", ""],
    workingDir: "/srv",
    labels: new Map([
      ["a", "b"],
      ["__proto__", "x"],
      ["c", ""],
    ]),
    volumes: ["/data", "/other"],
    exposedPorts: ["80/tcp"],
    stopSignal: "SIGQUIT",
    diffIds: [diffId],
  });
});

test("what real images leave out or write as null is empty", () => {
  deepEqual(parse(bare), empty);
  deepEqual(parse({ ...bare, config: null, created: null, author: null, variant: null }), empty);
  const names = ["User", "Env", "Entrypoint", "Cmd", "WorkingDir", "Labels", "Volumes", "ExposedPorts", "StopSignal"];
  deepEqual(parse({ ...bare, config: Object.fromEntries(names.map((name) => [name, null])) }), empty);
  deepEqual(parse({ rootfs: { diff_ids: null } }), {
    ...empty,
    platform: { os: "linux", architecture: "", variant: "" },
    diffIds: [],
  });
});

test("wrong types, bad diff ids and NUL are refused by name", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ os: "linux" }, /rootfs is nothing, expected an object/],
    [{ rootfs: { type: "base", diff_ids: [] } }, /rootfs\.type is "base"/],
    [
      { rootfs: { diff_ids: ["sha256:../../x"] } },
      /rootfs\.diff_ids\[0\] is "sha256:\.\.\/\.\.\/x", expected a sha256/,
    ],
    [{ rootfs: { diff_ids: [5] } }, /rootfs\.diff_ids\[0\] is 5/],
    [{ rootfs: { diff_ids: Array.from({ length: 513 }, () => diffId) } }, /at most 512/],
    [{ ...bare, os: 5 }, /os is 5, expected a text/],
    [{ ...bare, config: [] }, /config is a list of 0, expected an object/],
    [{ ...bare, config: { Env: { A: "b" } } }, /config\.Env is an object, expected a list/],
    [{ ...bare, config: { Env: [null] } }, /config\.Env\[0\] is null, expected a text/],
    [{ ...bare, config: { Env: ["A=b", "B=\0"] } }, /config\.Env\[1\] is "B=\\u0000", expected a text without NUL/],
    [{ ...bare, config: { Cmd: ["\0"] } }, /config\.Cmd\[0\]/],
    [{ ...bare, config: { Entrypoint: "sh" } }, /config\.Entrypoint is "sh", expected a list/],
    [{ ...bare, config: { Entrypoint: ["sh\0"] } }, /config\.Entrypoint\[0\]/],
    [{ ...bare, config: { WorkingDir: "/\0" } }, /config\.WorkingDir/],
    [{ ...bare, config: { User: "root\0x" } }, /config\.User/],
    [{ ...bare, config: { User: 0 } }, /config\.User is 0, expected a text/],
    [{ ...bare, config: { Volumes: { "/\0": {} } } }, /config\.Volumes\[0\]/],
    [{ ...bare, config: { Volumes: ["/x"] } }, /config\.Volumes is a list of 1/],
    [{ ...bare, config: { Labels: { a: { b: 1 } } } }, /config\.Labels\["a"\] is an object/],
  ];
  for (const [value, message] of cases) throws(() => parse(value), { code: Code.InvalidArgument, message });
});

test("a configuration is limited to 8 MiB", () => {
  throws(() => parseImageConfig(Buffer.alloc((8 << 20) + 1, " ")), { code: Code.ResourceExhausted });
});
