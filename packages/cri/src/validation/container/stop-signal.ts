import { Signal } from "@crib/wire/cri";

import { invalid } from "../values/invalid.ts";

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(Signal).map(([name, value]) => [
    value,
    // The CRI's names of real-time signals are identifiers; everybody else writes SIGRTMIN+1.
    value === Signal.RUNTIME_DEFAULT ? "" : name.replace("PLUS", "+").replace("MINUS", "-"),
  ]),
);

/** The name of the signal that stops the container, `SIGTERM` or `SIGRTMIN+3`; empty for that of the image. */
export function checkStopSignal(signal: number): string {
  const name = names.get(signal);
  if (name === undefined) throw invalid("config.stop_signal", `${signal} is no known signal`);
  return name;
}
