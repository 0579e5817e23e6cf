import { Signal } from "@crib/wire/cri";

const signals: ReadonlyMap<string, Signal> = new Map(Object.entries(Signal));

/** Signals by their numbers, as images may write them. */
const numbers: ReadonlyMap<string, string> = new Map(
  Object.entries({
    1: "HUP",
    2: "INT",
    3: "QUIT",
    6: "ABRT",
    9: "KILL",
    10: "USR1",
    12: "USR2",
    15: "TERM",
    28: "WINCH",
  }),
);

/** A stop signal of the CRI by the name that images and records have, with or without `SIG`; RUNTIME_DEFAULT for any other. */
export function toSignal(name: string): Signal {
  const word = (numbers.get(name) ?? name).toUpperCase().replace("+", "PLUS").replace("-", "MINUS");
  return signals.get(word.startsWith("SIG") ? word : `SIG${word}`) ?? Signal.RUNTIME_DEFAULT;
}
