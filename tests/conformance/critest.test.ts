import { ok } from "node:assert/strict";
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { totalLine } from "../../scripts/testing/result.ts";
import { startRealRegistry } from "../support/images/real-registry.ts";
import { mirrorAll } from "../support/images/write-hosts.ts";
import { needsRoot } from "../support/needs-root.ts";
import { exampleShimHandler, startExampleSandboxer } from "../support/sandboxers/example-sandboxer.ts";
import { startNode } from "../support/start-node.ts";
import type { TomlValue } from "../support/to-toml.ts";
import type { SpecResult } from "./critest-report.ts";
import { pushCritestImages } from "./images/push-critest-images.ts";
import { runWholeSuite } from "./whole-suite.ts";

// CRIB_CRITEST_ENDPOINT=unix:///run/x.sock tests that runtime instead of a crib of its own.
// CRIB_CRITEST_FOCUS=REGEX replaces focus.txt; empty, it is the whole suite.
// CRIB_CRITEST_NEWER=REGEX says what runs with the newer runc. Default: what the older one cannot.
// CRIB_CRITEST=PATH is another critest than the one that scripts/conformance-tools builds.
// CRIB_CRITEST_DIGEST=sha256:... is what scripts/conformance-images.ts says in the end.

/**
 * How many specs have to pass, since a suite that shrinks, or that skips more of itself, would stay green. Those of critest v1.36.0, which
 * scripts/conformance-tools builds, on a host where all 15 skips of skips.txt are taken; a host with AppArmor has more.
 */
const fewest = { defaultHandler: 102, userNamespaces: 6, exampleSandboxer: 102, exampleShim: 102 } as const;

/** The same of all specs of a newer critest (CRIB_CRITEST), which has those of NRI too. */
const fewestOfNewer = 122;

const newerFocus = process.env["CRIB_CRITEST_NEWER"];
const [newerRunc] = globSync(join(import.meta.dirname, "../../.tools/runc/*/runc"));
const needsNewerRunc =
  newerRunc === undefined ? { skip: "no runc with user namespaces; scripts/fetch-shims fetches one" } : needsRoot;

/** crib does not know what runs their containers; it is the same runc. */
const features = { recursive_read_only_mounts: true };

// Most of its time critest waits: for containers to end, for output to come.
describe("critest", { concurrency: 3 }, () => {
  test("critest passes against the default handler", needsRoot, async (t) => {
    const given = process.env["CRIB_CRITEST_ENDPOINT"];
    const imageDigest = process.env["CRIB_CRITEST_DIGEST"];
    const target =
      given === undefined ? await nodeWithImages(t) : { endpoint: given, ...(imageDigest && { imageDigest }) };
    const least = given === undefined ? leastOf(fewest.defaultHandler) : 0;
    await report(t, await runWholeSuite("default", { ...target, focus: await chosenFocus() }), least);
  });

  test("critest passes in the example shim", needsRoot, async (t) => {
    const target = await nodeWithImages(t, { example: { ...exampleShimHandler, features } });
    const options = { ...target, focus: await chosenFocus(), runtimeHandler: "example" };
    await report(t, await runWholeSuite("shim", options), leastOf(fewest.exampleShim));
  });

  test("critest passes in the example sandboxer", needsRoot, async (t) => {
    const { address } = await startExampleSandboxer(t);
    const target = await nodeWithImages(
      t,
      { example: { controller: "namespaces", features } },
      { namespaces: { address } },
    );
    const options = { ...target, focus: await chosenFocus(), runtimeHandler: "example" };
    await report(t, await runWholeSuite("sandboxer", options), leastOf(fewest.exampleSandboxer));
  });

  test("critest passes with user namespaces", needsNewerRunc, async (t) => {
    const target = await nodeWithImages(t, { newer: { options: { BinaryName: newerRunc ?? "" } } });
    const options = { ...target, focus: [newerFocus ?? "UserNamespaces"], runtimeHandler: "newer" };
    const least = newerFocus === undefined ? fewest.userNamespaces : 0;
    await report(t, await runWholeSuite("user-namespaces", options), least);
  });
});

type Tables = Readonly<Record<string, Readonly<Record<string, TomlValue>>>>;

/** A node that gets every image from a registry of its own, which has all that critest pulls. */
async function nodeWithImages(
  t: TestContext,
  runtimes: Tables = {},
  sandboxers: Tables = {},
): Promise<{ readonly endpoint: string; readonly imageDigest: string; readonly nriSocket: string }> {
  const registry = await startRealRegistry(t);
  const { digestOfDigestImage } = await pushCritestImages(registry);
  const node = await startNode(t, {
    config: ({ dir }) => {
      mirrorAll(join(dir, "certs.d"), registry.url);
      return { registry: { config_path: join(dir, "certs.d") }, runtimes: { runc: {}, ...runtimes }, sandboxers };
    },
  });
  return {
    endpoint: `unix://${node.socket}`,
    imageDigest: digestOfDigestImage,
    nriSocket: join(node.state, "nri.sock"),
  };
}

async function chosenFocus(): Promise<readonly string[]> {
  const given = process.env["CRIB_CRITEST_FOCUS"];
  if (given !== undefined) return given === "" ? [] : [given];
  const text = await readFile(join(import.meta.dirname, "focus.txt"), "utf8");
  return text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

/** How many of the whole suite have to pass where `usual` of the usual critest do; of a focus that somebody chose nothing is known. */
function leastOf(usual: number): number {
  if (process.env["CRIB_CRITEST_FOCUS"]) return 0;
  return process.env["CRIB_CRITEST"] === undefined ? usual : fewestOfNewer;
}

/** Makes each spec a test of its own, so that the total counts them and names what failed. At least `least` of them have to pass. */
async function report(t: TestContext, results: readonly SpecResult[], least: number): Promise<void> {
  for (const { name, state, message, seconds } of results) {
    await t.test(name, { skip: state === "skipped" ? message : false }, (spec) => {
      spec.diagnostic(`took ${seconds.toFixed(2)} s`);
      if (state === "failed") throw new Error(message);
    });
  }
  t.diagnostic(`critest: ${totalLine(results)}`);
  const passed = results.filter(({ state }) => state === "passed").length;
  ok(passed >= least, `${passed} specs passed, and at least ${least} have to: has the suite shrunk?`);
}
