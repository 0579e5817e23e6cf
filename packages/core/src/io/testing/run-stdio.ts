import { createStdio } from "../create-stdio.ts";
import type { StdioRequest } from "../types.ts";

// A daemon, as far as streams go: to be killed by a test. Arguments: "open" or "adopt", and the request as JSON.
const [, , how, request] = process.argv;
const stdio = createStdio({ log: (_level, message, fields) => console.error(message, fields) });
const streams = await stdio[how === "adopt" ? "adopt" : "open"](
  JSON.parse(request ?? "") as StdioRequest,
  new AbortController().signal,
);
process.stdout.write("ready\n");
await streams.drained(2 ** 31 - 1);
process.stdout.write("drained\n");
await stdio.close();
