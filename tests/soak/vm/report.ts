import { writeSync } from "node:fs";

import { aliveMs, type Message } from "./message.ts";

/** Tells the host. */
export function send(message: Message): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

/** Shows a line on the host's terminal. */
export function say(text: string): void {
  send({ kind: "say", text });
}

/** Puts text into the host's log. */
export function keep(text: string): void {
  writeSync(1, text.endsWith("\n") ? text : `${text}\n`);
}

/** Tells the host all the time that the guest lives. */
export function staysAlive(): void {
  setInterval(() => send({ kind: "alive" }), aliveMs).unref();
}

/** Thrown by a check that cannot be made here. */
export class Skipped extends Error {}

let chapter = "";

/** Tells a part of the story, whose checks carry its name. What it needs and does not get fails it, not the story. */
export async function tellChapter(name: string, run: () => Promise<void>): Promise<void> {
  chapter = name;
  say(`-- ${name}`);
  try {
    await run();
  } catch (reason) {
    await check("it is told to its end", () => {
      throw reason;
    });
  }
}

/** Runs one check and reports how it went; true when it passed. A failed one does not end the story. */
export async function check(name: string, run: () => unknown): Promise<boolean> {
  const start = performance.now();
  const result = (state: "passed" | "failed" | "skipped", message: string): void =>
    send({ kind: "result", name: `${chapter}: ${name}`, state, seconds: (performance.now() - start) / 1000, message });
  try {
    await run();
    result("passed", "");
    return true;
  } catch (reason) {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    keep(error.stack ?? error.message);
    result(error instanceof Skipped ? "skipped" : "failed", error.message.split("\n").slice(0, 4).join(" | "));
    return false;
  }
}
