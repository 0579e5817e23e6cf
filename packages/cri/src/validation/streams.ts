import type { StreamChoice } from "@crib/streaming";

import { invalid } from "./values/invalid.ts";

/** Which streams an exec or attach has: at least one, and no stderr of its own with a terminal, which has one output. */
export function checkStreams({ stdin, stdout, stderr, tty }: StreamChoice): StreamChoice {
  if (tty && stderr) throw invalid("stderr", "is not there with a terminal");
  if (!stdin && !stdout && !stderr) throw invalid("stdin", "is false, and so are stdout and stderr: one is needed");
  return { stdin, stdout, stderr, tty };
}
