/**
 * What `scripts/soak vm` has the guest do, started by systemd at each boot. Which boot it is, is kept on the disk. Parts, as the
 * kernel's command line has them (`crib.parts=`; none is all): systemd, cgroupfs (pods and restarts with that cgroup driver),
 * critest-systemd, critest-cgroupfs, reset.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { openRealRegistry } from "../../support/images/real-registry.ts";
import { afterReset, beforeReset } from "./after-reset.ts";
import { critestChapter } from "./critest.ts";
import { factsChapter } from "./facts.ts";
import { installChapter, switchDriver } from "./install.ts";
import { podsChapter } from "./pods-chapter.ts";
import { keep, say, send, staysAlive, tellChapter } from "./report.ts";
import { restartChapter } from "./restarts.ts";
import { type CgroupDriver, journal } from "./service.ts";

const phaseFile = "/var/lib/crib-vm-boot";
const drivers: readonly CgroupDriver[] = ["systemd", "cgroupfs"];

const boot = existsSync(phaseFile) ? Number(readFileSync(phaseFile, "utf8")) + 1 : 1;
writeFileSync(phaseFile, `${boot}`, { flush: true });
send({ kind: "hello", boot });
staysAlive();
try {
  if (boot === 1) await firstBoot(chosenParts());
  else await tellChapter("after the reset", afterReset);
} catch (reason) {
  keep(reason instanceof Error ? (reason.stack ?? reason.message) : String(reason));
  send({
    kind: "result",
    name: "the story",
    state: "failed",
    seconds: 0,
    message: String(reason).split("\n")[0] ?? "",
  });
}
keep(await journal(3_000));
send({ kind: "done" });

async function firstBoot(isChosen: (part: string) => boolean): Promise<void> {
  await tellChapter("machine", factsChapter);
  const registry = await openRealRegistry({ dir: "/var/lib/crib-vm-registry" });
  await tellChapter("service", () => installChapter(registry.url));
  for (const driver of drivers) {
    if (![driver, `critest-${driver}`].some(isChosen)) continue;
    await tellChapter(`${driver} driver`, () => switchDriver(driver, registry.url));
    if (isChosen(driver)) {
      await tellChapter(`${driver} pods`, () => podsChapter(driver));
      await tellChapter(`${driver} restarts`, () => restartChapter(driver));
    }
    if (isChosen(`critest-${driver}`))
      await tellChapter(`${driver} critest`, () => critestChapter(driver, registry.url));
  }
  if (!isChosen("reset")) return;
  await tellChapter("before the reset", beforeReset);
  keep(await journal(3_000));
  say("the guest waits for the reset");
  send({ kind: "reset" });
  // The reset is to end this.
  await sleep(600_000);
  throw new Error("the reset did not come");
}

function chosenParts(): (part: string) => boolean {
  const given = /\bcrib\.parts=(\S+)/.exec(readFileSync("/proc/cmdline", "utf8"))?.[1];
  return (part) => given === undefined || given.split(",").includes(part);
}
