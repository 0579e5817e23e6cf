import { channel } from "node:diagnostics_channel";
import { flushCompileCache } from "node:module";

/** Told when what a daemon needs to start has been compiled and can be kept for the next. */
export const compiledChannel = channel("crib.compiled");

/** Milliseconds after the start, so that the first calls do not wait for it. */
const quietMs = 1_000;

/** Keeps for the next start what this one had to compile: a daemon that is killed would not, since Node writes its cache at the end. */
export function keepCompiled(): void {
  setTimeout(() => {
    flushCompileCache();
    if (compiledChannel.hasSubscribers) compiledChannel.publish(undefined);
  }, quietMs).unref();
}
