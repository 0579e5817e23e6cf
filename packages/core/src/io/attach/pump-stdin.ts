import type { Readable } from "node:stream";

/** Hands on what a client sends, each piece when the one before was taken, until its end, which is told once, or `signal`. */
export function pumpStdin(
  stdin: Readable,
  to: { readonly write: (bytes: Uint8Array) => Promise<void>; readonly end: () => void },
  signal: AbortSignal,
): void {
  const hand = async (chunk: Uint8Array): Promise<void> => {
    stdin.pause();
    await to.write(chunk);
    if (!signal.aborted) stdin.resume();
  };
  const take = (chunk: Uint8Array): void => void hand(chunk);
  const stop = (): void => {
    signal.removeEventListener("abort", stop);
    stdin.off("data", take).off("end", finish).off("close", finish).off("error", finish);
    stdin.pause();
  };
  const finish = (): void => {
    stop();
    to.end();
  };
  signal.addEventListener("abort", stop);
  stdin.on("end", finish).on("close", finish).on("error", finish).on("data", take);
}
