/**
 * Boots what scripts/vm/build made and shows how its story goes; `scripts/soak vm` runs both. Arguments are the parts of the story,
 * all by default: tests/soak/vm/story.ts names them. CRIB_VM_ACCEL=tcg or kvm spares finding out whether KVM is of use;
 * CRIB_VM_FOCUS=REGEX (without blanks) says which specs of critest run.
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { aliveMs, type Message } from "../../tests/soak/vm/message.ts";
import { totalLine, type Result } from "../testing/result.ts";
import { type Accelerator, bootGuest, type Guest } from "./guest.ts";

const vm = join(import.meta.dirname, "../../.tools/vm");
const logFile = join(vm, "story.log");

/** Milliseconds from power to the story's first word. KVM that needs longer is itself emulated, and then QEMU is quicker alone. */
const bootMs: Readonly<Record<Accelerator, number>> = { kvm: 60_000, tcg: 300_000 };
/** Milliseconds without a sign of life after which the guest counts as dead. */
const silenceMs = 12 * aliveMs;
/** Milliseconds for everything. */
const wholeMs = 3 * 3_600_000;

process.exitCode = await main(process.argv.slice(2));

async function main(parts: readonly string[]): Promise<number> {
  writeFileSync(logFile, "");
  const given = process.env["CRIB_VM_ACCEL"] as Accelerator | undefined;
  const results: Result[] = [];
  let outcome = await tell(given ?? "kvm", parts, results);
  if (outcome === "no boot" && given === undefined) {
    console.log("vm: KVM is absent or of no use here; the processor is emulated");
    outcome = await tell("tcg", parts, results);
  }
  if (outcome !== "done") {
    console.log(
      `vm: failed: the guest ${outcome === "no boot" ? "did not boot" : "fell silent"}; its console is in .tools/vm/qemu/srv/console.log`,
    );
    results.push({ name: "the guest stays alive", origin: "vm", state: "failed" });
  }
  for (const { name } of results.filter(({ state }) => state === "failed")) console.log(`vm: failed: ${name}`);
  console.log(`vm: ${totalLine(results)}`);
  return outcome === "done" && results.every(({ state }) => state !== "failed") ? 0 : 1;
}

/** Runs the story to its end, or to where the guest says nothing any more. */
async function tell(
  accelerator: Accelerator,
  parts: readonly string[],
  results: Result[],
): Promise<"done" | "no boot" | "silent"> {
  await using guest = bootGuest(vm, accelerator, kernelArguments(parts));
  const started = performance.now();
  let begun = started;
  let limitMs = bootMs[accelerator];
  let hasBooted = false;
  const lines = guest.lines[Symbol.asyncIterator]();
  for (;;) {
    const line = await within(Math.min(limitMs, started + wholeMs - performance.now()), lines.next(), guest);
    if (line === undefined || line.done) {
      keep(guest.complaints());
      return hasBooted ? "silent" : "no boot";
    }
    const message = parse(line.value);
    switch (message?.kind) {
      case undefined:
      case "alive":
        break;
      case "hello":
        hasBooted = true;
        show(`boot ${message.boot} took ${seconds(performance.now() - begun)} (${accelerator})`);
        break;
      case "say":
        show(message.text);
        break;
      case "result":
        results.push({ name: message.name, origin: "vm", state: message.state });
        show(
          `${message.state} ${message.name} (${message.seconds.toFixed(1)} s)${message.message && `: ${message.message}`}`,
        );
        break;
      case "reset":
        show("hard reset");
        await guest.reset();
        begun = performance.now();
        limitMs = bootMs[accelerator];
        continue;
      case "done":
        return "done";
    }
    if (hasBooted) limitMs = silenceMs;
  }
}

function kernelArguments(parts: readonly string[]): string {
  const focus = process.env["CRIB_VM_FOCUS"];
  return [
    ...(parts.length > 0 ? [`crib.parts=${parts.join(",")}`] : []),
    ...(focus === undefined ? [] : [`crib.focus=${focus}`]),
  ].join(" ");
}

/** What comes first: the next line, or the time limit, or that KVM stopped the guest. */
async function within<T>(ms: number, next: Promise<T>, guest: Guest): Promise<T | undefined> {
  const timer = Promise.withResolvers<undefined>();
  const end = performance.now() + ms;
  const look = setInterval(() => {
    // QEMU then goes on, with a guest that never moves again.
    if (performance.now() > end || guest.complaints().includes("KVM internal error")) timer.resolve(undefined);
  }, 500);
  try {
    return await Promise.race([next, timer.promise]);
  } finally {
    clearInterval(look);
  }
}

function parse(line: string): Message | undefined {
  // Others than the story write lines of JSON too.
  if (line.startsWith('{"kind":')) return JSON.parse(line) as Message;
  keep(line);
  return undefined;
}

function show(text: string): void {
  const line = `vm: ${text}`;
  console.log(line);
  keep(line);
}

function keep(text: string): void {
  if (text !== "") appendFileSync(logFile, `${text}\n`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
