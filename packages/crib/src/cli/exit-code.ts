/** What the process tells its caller at its end. */
export const ExitCode = {
  ok: 0,
  /** The command failed, or a check found something. */
  failed: 1,
  /** The command line was wrong. */
  usage: 2,
} as const;
