import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { processEnv } from "./process-env.ts";

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const plain = { tty: false, hostname: "pod", image: [], asked: [] };

for (const { what, sources, gives } of [
  { what: "a path and the pod's name", sources: {}, gives: [path, "HOSTNAME=pod"] },
  { what: "TERM with a terminal", sources: { tty: true }, gives: [path, "TERM=xterm", "HOSTNAME=pod"] },
  {
    what: "the image's variables in place of the usual ones",
    sources: { tty: true, image: ["PATH=/p", "A=1=2", "TERM=dumb"] },
    gives: ["PATH=/p", "TERM=dumb", "HOSTNAME=pod", "A=1=2"],
  },
  {
    what: "the request's in place of the image's",
    sources: {
      image: ["A=image", "B=b"],
      asked: [
        { key: "C", value: "" },
        { key: "A", value: "x\ny" },
      ],
    },
    gives: [path, "HOSTNAME=pod", "A=x\ny", "B=b", "C="],
  },
  { what: "no variable that the image takes away", sources: { image: ["HOSTNAME", "A"] }, gives: [path] },
  {
    what: "__proto__ like any other",
    sources: { image: ["__proto__=1"] },
    gives: [path, "HOSTNAME=pod", "__proto__=1"],
  },
]) {
  test(`the environment has ${what}`, () => deepEqual(processEnv({ ...plain, ...sources }), gives));
}

for (const { what, sources } of [
  { what: "an empty name", sources: { asked: [{ key: "", value: "x" }] } },
  { what: "an empty name in the image", sources: { image: ["=x"] } },
  { what: "an empty entry of the image", sources: { image: [""] } },
  { what: "a name with =", sources: { asked: [{ key: "A=B", value: "x" }] } },
  { what: "a name with NUL", sources: { asked: [{ key: "A\0", value: "x" }] } },
  { what: "a value with NUL", sources: { asked: [{ key: "A", value: "x\0" }] } },
  { what: "a NUL in the image", sources: { image: ["A=\0"] } },
]) {
  test(`${what} is refused in the environment`, () => {
    throws(() => processEnv({ ...plain, ...sources }), { code: Code.InvalidArgument });
  });
}
