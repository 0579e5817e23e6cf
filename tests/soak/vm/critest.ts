import { readFileSync } from "node:fs";
import { join } from "node:path";

import { pushCritestImages } from "../../conformance/images/push-critest-images.ts";
import { runCritest } from "../../conformance/run-critest.ts";
import { noLeaks } from "./leaks.ts";
import { check, keep, send, Skipped } from "./report.ts";
import { type CgroupDriver, endpoint, tree } from "./service.ts";

/** The whole of critest, each spec a result of its own; it runs as it would on a real machine, only slower. */
export async function critestChapter(driver: CgroupDriver, registryUrl: string): Promise<void> {
  const { digestOfDigestImage } = await pushCritestImages({ url: registryUrl });
  const isRun = await check("critest runs to its end", async () => {
    const results = await runCritest({
      endpoint,
      focus: [],
      imageDigest: digestOfDigestImage,
      nriSocket: "/run/crib/nri.sock",
    });
    for (const { name, state, message, seconds } of results) {
      // The image of critest's skips is of another machine; what is skipped here is said here.
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
  keep(readFileSync(join(tree, "tests/conformance/critest.log"), "utf8"));
  await check("critest leaves nothing", async () => {
    if (!isRun) throw new Skipped("critest did not end");
    await noLeaks();
  });
}
