import type { ConfigOptions } from "./config-flags.ts";
/** The flags of `crib doctor`. */
export interface DoctorOptions extends ConfigOptions {
  readonly leaks?: true;
  readonly json?: true;
}
export async function doctorCommand(_options: DoctorOptions): Promise<void> {}
