import { equal } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { SpecResult } from "../../conformance/critest-report.ts";
import { pushCritestImages } from "../../conformance/images/push-critest-images.ts";
import { runCritest } from "../../conformance/run-critest.ts";
import { noLeaks } from "./leaks.ts";
import { check, keep, say, send, Skipped } from "./report.ts";
import { type CgroupDriver, endpoint, tree } from "./service.ts";

/** Minutes for the whole suite, which takes two where the processors are not emulated. */
const limitMinutes = 120;

/** The whole of critest, or what `crib.focus=` on the kernel's command line says; each spec is a result of its own. */
export async function critestChapter(driver: CgroupDriver, registryUrl: string): Promise<void> {
  const { digestOfDigestImage } = await pushCritestImages({ url: registryUrl });
  const focus = /\bcrib\.focus=(\S+)/.exec(readFileSync("/proc/cmdline", "utf8"))?.[1];
  const log = join(tree, "tests/conformance/critest.log");
  // What ginkgo says of a spec begins with this sign.
  const progress = setInterval(() => {
    if (existsSync(log)) say(`${readFileSync(log, "utf8").match(/•/g)?.length ?? 0} specs have passed`);
  }, 60_000);
  let appArmor: readonly SpecResult[] = [];
  const isRun = await check("critest runs to its end", async () => {
    const results = await runCritest({
      endpoint,
      focus: focus === undefined ? [] : [focus],
      limitMinutes,
      imageDigest: digestOfDigestImage,
      nriSocket: "/run/crib/nri.sock",
    });
    appArmor = results.filter(({ name }) => name.includes("AppArmor"));
    for (const { name, state, message, seconds } of results) {
      // The list of skips is of machines without AppArmor; what is skipped here is told as such.
      const isSkip = state === "skipped" || message.startsWith("skipped, and not on the list");
      send({
        kind: "result",
        name: `${driver} critest: ${name}`,
        state: isSkip ? "skipped" : state,
        seconds,
        message: message.split("\n").slice(0, 3).join(" | "),
      });
    }
  });
  clearInterval(progress);
  await check("no spec of AppArmor is skipped", () => {
    if (appArmor.length === 0) throw new Skipped("the focus has none of them");
    equal(appArmor.filter(({ state }) => state === "skipped").length, 0);
  });
  keep(readFileSync(log, "utf8"));
  await check("critest leaves nothing", async () => {
    if (!isRun) throw new Skipped("critest did not end");
    await noLeaks();
  });
}
