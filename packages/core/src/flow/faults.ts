import { readFileSync, statSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { waitFor } from "./budget.ts";

/** Where in a step a fault strikes. */
export type FaultPoint = "before" | "inside" | "after";

interface Fault {
  readonly action: "fail" | "hang" | "hold" | "kill";
  /** How many more times it strikes. */
  left: number;
}

/** Injects what the environment variable asks for; with none, every call is free. */
export interface Faults {
  /** Strikes when a fault is configured for this place: throws, waits for `signal` or to be told, or kills the daemon. */
  strike(place: string, point: FaultPoint, signal: AbortSignal): Promise<void>;
}

const faultPattern =
  /^(?<place>[A-Za-z]+\/[a-z.-]+(?:!undo)?)@(?<point>before|inside|after)=(?<action>fail|hang|hold|kill)(?:\*(?<count>[1-9]\d{0,5}))?$/;

/** Does nothing. */
export const noFaults: Faults = { strike: async () => {} };

/**
 * Reads `FLOW/STEP[!undo]@POINT=ACTION[*COUNT]`, several separated by `;`. Action `fail` rejects the step, `hang`
 * waits until the step's budget is spent, `hold` says `held at PLACE@POINT` on the standard error stream and waits until the
 * daemon gets SIGUSR2, which lets go all that is held then, `kill` ends the daemon by SIGKILL. Without a count it strikes every
 * time. Of several for the same place and point, the next strikes when the one before is used up.
 * Example: `RunPodSandbox/network.attach@after=kill`. `file:PATH` has them in a file, which is read again when another is put in its
 * place; each call throws as long as it cannot be read. Throws InvalidArgument for anything else.
 */
export function parseFaults(text: string | undefined): Faults {
  if (text === undefined || text === "") return noFaults;
  const path = /^file:(?<path>.*)$/s.exec(text)?.groups?.["path"];
  return path === undefined ? listedFaults(parseList(text)) : faultsOfFile(path);
}

type FaultList = ReadonlyMap<string, readonly Fault[]>;

function parseList(text: string): FaultList {
  const faults = new Map<string, Fault[]>();
  for (const part of text.split(";")) {
    const groups = faultPattern.exec(part.trim())?.groups;
    if (!groups) {
      throw new StatusError(
        Code.InvalidArgument,
        `fault "${part}": expected FLOW/STEP[!undo]@before|inside|after=fail|hang|hold|kill[*COUNT]`,
      );
    }
    const key = `${groups["place"]}@${groups["point"]}`;
    const fault: Fault = {
      action: groups["action"] as Fault["action"],
      left: groups["count"] === undefined ? Infinity : Number(groups["count"]),
    };
    faults.set(key, [...(faults.get(key) ?? []), fault]);
  }
  return faults;
}

function listedFaults(faults: FaultList): Faults {
  let held: Promise<void> | undefined;
  return {
    async strike(place, point, signal): Promise<void> {
      const fault = faults.get(`${place}@${point}`)?.find(({ left }) => left > 0);
      if (!fault) return;
      fault.left--;
      switch (fault.action) {
        case "fail":
          throw new StatusError(Code.Internal, `injected fault ${point} ${place}`);
        case "hang":
          return untilAborted(signal);
        case "hold":
          process.stderr.write(`held at ${place}@${point}\n`);
          return waitFor((held ??= untilTold().finally(() => (held = undefined))), signal);
        case "kill":
          process.kill(process.pid, "SIGKILL");
          // The signal ends the process on its way back from the kernel; nothing after this line may run.
          return new Promise(() => {});
      }
    },
  };
}

/**
 * Which file it is tells whether it is another: who changes it renames a new one over it. Read in the turn of the strike, so that steps side by
 * side share one count; a daemon without this variable reads nothing.
 */
function faultsOfFile(path: string): Faults {
  let read: bigint | undefined;
  let faults = noFaults;
  return {
    async strike(place, point, signal): Promise<void> {
      const { ino } = statSync(path, { bigint: true });
      if (ino !== read) {
        faults = parseFaults(readFileSync(path, "utf8").trim());
        read = ino;
      }
      await faults.strike(place, point, signal);
    },
  };
}

/** Of all that is held: one signal is for all. */
function untilTold(): Promise<void> {
  return new Promise((resolve) => process.once("SIGUSR2", () => resolve()));
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => {
    // A pending signal keeps no process alive; the interval does, as a real hanging call would.
    const keepAlive = setInterval(() => {}, 60_000);
    const stop = (): void => {
      clearInterval(keepAlive);
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
