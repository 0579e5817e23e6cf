import { Code, StatusError } from "@crib/errdefs";

/** The flags of `crib demo`. */
export interface DemoOptions {
  readonly subnet?: string;
  readonly bridge: string;
  readonly verbose?: true;
}

/** Runs the demo; SIGINT and SIGTERM end it early, with everything taken away. */
export async function demoCommand({ subnet, bridge, verbose }: DemoOptions): Promise<void> {
  const { runDemo } = await import("../demo/run-demo.ts");
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => stop.abort(new StatusError(Code.Canceled, `running the demo: ended by ${name}`)));
  }
  const settings = { bridge, verbose: verbose ?? false, say: (line: string) => console.log(line) };
  try {
    await runDemo(subnet === undefined ? settings : { ...settings, subnet }, stop.signal);
  } catch (reason) {
    // Whatever the abort ended first says less than the signal; what went wrong while clearing up does not.
    throw stop.signal.aborted && !(reason instanceof SuppressedError) ? stop.signal.reason : reason;
  }
}
