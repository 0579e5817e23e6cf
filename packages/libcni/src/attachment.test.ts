import { throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { checkAttachment, checkNetworkName, type Attachment } from "./attachment.ts";

const good: Attachment = {
  containerId: "c1",
  netns: "/run/netns/x",
  ifName: "eth0",
  args: [["K8S_POD_NAME", "web-0"]],
};

function refused(change: Partial<Attachment>, message: RegExp, netns: "required" | "optional" = "required"): void {
  throws(() => checkAttachment({ ...good, ...change }, "testing", { netns }), { code: Code.InvalidArgument, message });
}

test("a usual attachment passes, and DEL may have no network namespace", () => {
  checkAttachment(good, "testing", { netns: "required" });
  checkAttachment({ ...good, netns: "", ifName: "eth0.100" }, "testing", { netns: "optional" });
});

test("an id that could leave the cache directory or split an argument is refused", () => {
  for (const containerId of ["", "../x", "a/b", "-a", ".a", "a b", "a;b", "a\n", "ä", "a".repeat(201)])
    refused({ containerId }, /container id/);
});

test("an interface name the kernel or a plugin would misread is refused", () => {
  for (const ifName of ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\0", "a".repeat(16), "ääääääää"])
    refused({ ifName }, /interface name/);
});

test("a network namespace is an absolute path, or empty where that is allowed", () => {
  refused({ netns: "" }, /path is empty/);
  refused({ netns: "run/netns/x" }, /no absolute path/, "optional");
  refused({ netns: "/run/\n" }, /no absolute path/, "optional");
});

test("an argument that would become two is refused", () => {
  for (const arg of [
    ["", "x"],
    ["a=b", "x"],
    ["a;b", "x"],
    ["a", "x;IP=1.2.3.4"],
    ["a", "x=y"],
    ["a", "x\ny"],
  ] as const)
    refused({ args: [arg] }, /CNI argument/);
});

test("the environment cannot carry CNI variables or NUL bytes", () => {
  refused({ env: { CNI_COMMAND: "DEL" } }, /"CNI_COMMAND" is not allowed/);
  refused({ env: { "A=B": "x" } }, /not allowed/);
  refused({ env: { A: "x\0" } }, /NUL byte/);
});

test("a network name is a plain identifier", () => {
  for (const name of [undefined, 1, "", "../x", "a/b", "a b", "-x", "x".repeat(201)])
    throws(() => checkNetworkName(name, "testing"), { code: Code.InvalidArgument });
});
