import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { parseChallenges } from "./challenge.ts";

const read = (...lines: readonly string[]): readonly (readonly [string, Readonly<Record<string, string>>])[] =>
  parseChallenges(lines).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test("a Bearer challenge gives realm, service and scope", () => {
  deepEqual(read('Bearer realm="https://a/token",service="r",scope="repository:x:pull,push"'), [
    ["bearer", { realm: "https://a/token", service: "r", scope: "repository:x:pull,push" }],
  ]);
});

test("several challenges come in one line or in several", () => {
  const both = [
    ["basic", { realm: "x, y" }],
    ["bearer", { realm: "z", service: "s" }],
  ] as const;
  deepEqual(read('Basic realm="x, y", Bearer realm=z , service = "s"'), both);
  deepEqual(read('BASIC realm="x, y"', 'bearer Realm="z",SERVICE=s'), both);
});

test("quotes are escaped by backslashes; the first of equal names counts", () => {
  deepEqual(read('Bearer realm="a\\"b\\\\",realm="c"'), [["bearer", { realm: 'a"b\\' }]]);
});

test("what is no challenge is left out", () => {
  deepEqual(read("", ",,,", '"', "="), []);
  deepEqual(read("Negotiate abc="), [["negotiate", { abc: "" }]]);
  deepEqual(read('Bearer realm="open'), [["bearer", { realm: "open" }]]);
  deepEqual(read('Bearer realm="ends in \\'), [["bearer", { realm: "ends in " }]]);
  deepEqual(read(`Bearer realm="${"x".repeat(9_000)}"`), []);
});

test("any text is read in time proportional to its length", () => {
  const alphabet = ['"', "\\", ",", "=", " ", "a", "B", "\t", "Bearer ", "realm=", "\u0000", "é"];
  let seed = 7;
  const random = (limit: number): number => (seed = (seed * 48_271) % 2_147_483_647) % limit;
  const begin = performance.now();
  for (let round = 0; round < 2_000; round++) {
    const text = Array.from({ length: random(200) }, () => alphabet[random(alphabet.length)]).join("");
    for (const { scheme, parameters } of parseChallenges([text])) ok(scheme !== "" && parameters.size >= 0);
  }
  for (const text of alphabet) parseChallenges([text.repeat(8_000).slice(0, 8_000)]);
  ok(performance.now() - begin < 60_000);
  equal(parseChallenges(["a=".repeat(4_000)]).length > 0, true);
});
