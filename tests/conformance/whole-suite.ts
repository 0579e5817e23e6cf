import type { SpecResult } from "./critest-report.ts";
import { type CritestOptions, runCritest } from "./run-critest.ts";

/** Specs of critest that listen at ports of the host that are always the same. */
const atFixedPorts = ["port mapping with host port and container port", "runtime should support portforward"];

let turn: Promise<unknown> = Promise.resolve();

/**
 * Runs the whole of critest, which does nothing most of its time, so that others may run it at the same time: specs that would meet at a
 * port wait until no other critest of this process runs theirs. With a focus, all that it leaves has its turn like that. Logs are
 * `critest-NAME.log`, and `critest-NAME-ports.log` for what had its turn.
 */
export async function runWholeSuite(
  name: string,
  options: Omit<CritestOptions, "leaveOut" | "log">,
): Promise<readonly SpecResult[]> {
  const inTurn = { ...options, log: `critest-${name}-ports.log` };
  if (options.focus.length > 0) return inItsTurn(() => runCritest(inTurn));
  const others = await runCritest({ ...options, leaveOut: atFixedPorts, log: `critest-${name}.log` });
  return [...others, ...(await inItsTurn(() => runCritest({ ...inTurn, focus: atFixedPorts })))];
}

async function inItsTurn<T>(run: () => Promise<T>): Promise<T> {
  const mine = turn.then(run);
  turn = mine.catch(() => {}); // it is told to whoever waits for it
  return await mine;
}
