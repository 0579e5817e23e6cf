import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseNetworkList, withVersion } from "./network-list.ts";

function parse(value: unknown): ReturnType<typeof parseNetworkList> {
  return parseNetworkList(JSON.stringify(value), "test.conflist");
}

function refused(value: unknown, message: RegExp, code: Code = Code.InvalidArgument): void {
  throws(() => parse(value), { code, message });
}

test("a list keeps its order, its flags and all keys it does not know", () => {
  const list = parse({
    cniVersion: "1.0.0",
    name: "pods",
    disableCheck: true,
    disableGC: "true",
    vendor: { x: 1 },
    plugins: [{ type: "bridge", mtu: 1400, capabilities: { ips: true, mac: false } }, { type: "portmap" }],
  });
  equal(list.name, "pods");
  deepEqual([list.cniVersion, list.disableCheck, list.disableGC, list.source], ["1.0.0", true, true, "test.conflist"]);
  deepEqual(
    list.plugins.map((plugin) => plugin.type),
    ["bridge", "portmap"],
  );
  deepEqual([...(list.plugins[0]?.capabilities ?? [])], ["ips"]);
  deepEqual((JSON.parse(list.bytes) as { vendor: unknown }).vendor, { x: 1 });
  equal(list.plugins[0]?.config["mtu"], 1400);
});

test("the text of a list parses to the same list and the same text, folder plugins inlined", () => {
  const folder = [{ type: "tuning" }];
  const list = parseNetworkList(
    '{"name":"n","cniVersions":["0.4.0","1.1.0","9.0.0"],"plugins":[{"type":"a"}]}',
    "x",
    folder,
  );
  deepEqual(
    list.plugins.map((plugin) => plugin.type),
    ["a", "tuning"],
  );
  deepEqual(parseNetworkList(list.bytes, "x", folder), list);
});

test("a list that wants only inlined plugins gets no others", () => {
  const text = '{"name":"n","loadOnlyInlinedPlugins":true,"plugins":[{"type":"a"}]}';
  equal(parseNetworkList(text, "x", [{ type: "tuning" }]).plugins.length, 1);
});

test("a single plugin becomes a list of one with its version", () => {
  const list = parse({ cniVersion: "0.3.1", name: "one", type: "ptp", ipam: {} });
  deepEqual([list.cniVersion, list.plugins.map((plugin) => plugin.type)], ["0.3.1", ["ptp"]]);
  deepEqual(parseNetworkList(list.bytes, list.source), list);
});

test("the highest version that is both declared and supported is used", () => {
  const plugins = [{ type: "a" }];
  equal(parse({ name: "n", plugins }).cniVersion, "0.1.0");
  equal(parse({ name: "n", cniVersion: "0.4.0", cniVersions: ["1.0.0", "2.5.0"], plugins }).cniVersion, "1.0.0");
  deepEqual(parse({ name: "n", cniVersions: ["1.1.0", "0.3.1", "1.1.0"], plugins }).cniVersions, ["0.3.1", "1.1.0"]);
  refused(
    { name: "n", cniVersion: "2.0.0", plugins },
    /"2.0.0" is not supported \(supported: 0.1.0,/,
    Code.FailedPrecondition,
  );
  refused({ name: "n", cniVersion: "1.0", plugins }, /"1.0" is not supported/, Code.FailedPrecondition);
});

test("a lowered list has one version only", () => {
  const list = withVersion(parse({ name: "n", cniVersions: ["0.4.0", "1.1.0"], plugins: [{ type: "a" }] }), "0.4.0");
  deepEqual([list.cniVersion, list.cniVersions], ["0.4.0", ["0.4.0"]]);
  deepEqual(parseNetworkList(list.bytes, list.source), list);
});

test("a plugin type that is more than a file name is refused (CVE-2021-20206)", () => {
  for (const type of ["../../bin/sh", "a/b", ".", "..", "", 7, null])
    refused({ name: "n", plugins: [{ type }] }, /test\.conflist": plugins\[0\]: (plugin )?type /);
});

test("each fault names its field", () => {
  refused([], /no JSON object/);
  refused({ plugins: [{ type: "a" }] }, /network name undefined/);
  refused({ name: "../x", plugins: [{ type: "a" }] }, /network name "\.\.\/x"/);
  refused({ name: "n" }, /network "n" has no plugins/);
  refused({ name: "n", plugins: [] }, /has no plugins/);
  refused({ name: "n", plugins: {} }, /plugins \{\} is no array/);
  refused({ name: "n", plugins: ["a"] }, /plugins\[0\] "a" is no object/);
  refused(
    { name: "n", plugins: [{ type: "a", capabilities: { ips: "yes" } }] },
    /capabilities\["ips"\] "yes" is no boolean/,
  );
  refused({ name: "n", disableGC: "maybe", plugins: [{ type: "a" }] }, /disableGC "maybe"/);
  refused({ name: "n", cniVersion: 1, plugins: [{ type: "a" }] }, /cniVersion 1 is no string/);
  refused({ name: "n", cniVersions: "1.0.0", plugins: [{ type: "a" }] }, /cniVersions "1.0.0" is no array/);
});

test("text that is no JSON is quoted by its start, without control characters", () => {
  throws(
    () => parseNetworkList("\u001b[31mnot json", "x.conf"),
    (error: Error) => {
      ok(error.message.startsWith('parsing CNI configuration "x.conf": no JSON:'), error.message);
      ok(error.message.includes(String.raw`"\u001b[31mnot json"`), error.message);
      return !/\p{Cc}/u.test(error.message);
    },
  );
});

test("a key __proto__ reaches no prototype and no text", () => {
  const list = parseNetworkList(
    '{"name":"n","__proto__":{"polluted":1},"plugins":[{"type":"a","x":{"__proto__":{"polluted":1}}}]}',
  );
  equal(({} as { polluted?: unknown }).polluted, undefined);
  equal(list.bytes.includes("polluted"), false);
});
