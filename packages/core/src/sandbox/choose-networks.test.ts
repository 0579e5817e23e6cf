import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { chooseNetworks, moreNetworksAnnotation, networksAnnotation } from "./choose-networks.ts";

const handler = { name: "runc", networks: ["front", "back"] };
const own = (value: string): Readonly<Record<string, string>> => ({ [networksAnnotation]: value });
const more = (value: string): Readonly<Record<string, string>> => ({ [moreNetworksAnnotation]: value });

test("a pod without annotation chooses nothing", () => {
  deepEqual(chooseNetworks({}, handler, 1), []);
});

test("names, with interfaces where wanted", () => {
  const expected = [
    { name: "back", ifName: "eth0" },
    { name: "front", ifName: "net7" },
  ];
  for (const value of ["back,front@net7", " back , front@net7 ", '["back",{"name":"front","interface":"net7"}]']) {
    deepEqual(chooseNetworks(own(value), handler, 0), expected);
  }
  equal(chooseNetworks(own("front@a,front@b"), handler, 0).length, 2);
});

test("iSulad's annotation adds to what every pod gets", () => {
  deepEqual(chooseNetworks(more('[{"name":"front"}]'), handler, 2), [{ name: "front", ifName: "eth2" }]);
});

test("anything else is refused, with what was expected", () => {
  const wrongs: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [own(""), /expected "NAME"/],
    [own("front,,back"), /expected "NAME"/],
    [own("front@"), /expected "NAME"/],
    [own("front@a@b"), /expected "NAME"/],
    [own("[]"), /from 1 to 16/],
    [own("[1]"), /JSON list/],
    [own("[{}"), /JSON list/],
    [own(Array.from({ length: 17 }, (_, index) => `front@n${index}`).join()), /from 1 to 16/],
    [own("other"), /"other": runtime handler "runc" lets pods choose "front", "back"/],
    [own("front@lo"), /another network/],
    [own("front@a,back@a"), /another network/],
    [own("front@a/b"), /name of an interface/],
    [own("front@aaaaaaaaaaaaaaaa"), /name of an interface/],
    [more('[{"name":"front","interface":"eth0"}]'), /another network/],
    [{ ...own("front"), ...more("[]") }, /one of them/],
  ];
  for (const [annotations, message] of wrongs) {
    throws(() => chooseNetworks(annotations, handler, 1), { code: Code.InvalidArgument, message });
  }
  throws(() => chooseNetworks(own("front"), { name: "bare" }, 1), {
    code: Code.InvalidArgument,
    message: /choose none/,
  });
});
