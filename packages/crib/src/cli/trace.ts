import type { EndpointOptions } from "./endpoint.ts";
/** The flags of `crib trace`. */
export interface TraceOptions extends EndpointOptions {
  readonly flow?: string;
  readonly json?: true;
}
export async function traceCommand(_pod: string, _options: TraceOptions): Promise<void> {}
