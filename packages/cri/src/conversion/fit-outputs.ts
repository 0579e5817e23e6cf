/** Bytes of output in one message: what clients take, 16 MiB, without what else is in it. */
const maxBytes = 16 * 1024 * 1024 - 1_024;

/** Both outputs of a command, cut so that they fit in one message. Neither takes from the other what that needs of its half. */
export function fitOutputs(
  stdout: Uint8Array,
  stderr: Uint8Array,
  limit: number = maxBytes,
): { readonly stdout: Uint8Array; readonly stderr: Uint8Array } {
  const half = Math.floor(limit / 2);
  const forStdout = limit - Math.min(stderr.length, half);
  const forStderr = limit - Math.min(stdout.length, forStdout);
  return { stdout: stdout.subarray(0, forStdout), stderr: stderr.subarray(0, forStderr) };
}
