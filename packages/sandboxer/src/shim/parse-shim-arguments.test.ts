import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseShimArguments } from "./parse-shim-arguments.ts";

test("a command line is read as containerd writes it", () => {
  const words = "-namespace k8s.io -address /run/c.sock -publish-binary /bin/c -id a -debug start";
  const common = { namespace: "k8s.io", address: "/run/c.sock", id: "a" };
  deepEqual(parseShimArguments(words.split(" ")), { command: "start", ...common, bundle: "", debug: true });
  deepEqual(parseShimArguments(["--namespace=k8s.io", "--address=/run/c.sock", "-id=a", "-bundle", "/b", "delete"]), {
    command: "delete",
    ...common,
    bundle: "/b",
    debug: false,
  });
  deepEqual(parseShimArguments(["-v"]).command, "version");
  deepEqual(parseShimArguments(["-info"]).command, "info");
});

test("what is missing is said", () => {
  for (const [words, message] of [
    ["", /no command/],
    ["go", /unknown command "go"/],
    ["-namespace n start", /no -id/],
    ["-id a delete", /no -namespace/],
  ] as const) {
    throws(() => parseShimArguments(words.split(" ").filter(Boolean)), { code: Code.InvalidArgument, message });
  }
});
