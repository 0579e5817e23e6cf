import { Daemon } from "@crib/wire/admin";

import { type EndpointOptions, withClient } from "./endpoint.ts";
import { printJson } from "./print-json.ts";

/** The flags of `crib reload`. */
export interface ReloadOptions extends EndpointOptions {
  readonly json?: true;
}

/** Has the daemon read its configuration again, and prints what came of it, a line each. */
export async function reloadCommand(options: ReloadOptions): Promise<void> {
  const { changed, kept, needsRestart, broken } = await withClient(options, (client) =>
    client.service(Daemon).reload({}),
  );
  if (options.json) return printJson({ changed, kept, needsRestart, broken });
  if (changed.length + kept.length + needsRestart.length === 0) console.log("nothing has changed");
  for (const line of changed) console.log(line);
  for (const line of kept) console.log(`kept: ${line}`);
  for (const key of needsRestart) console.log(`needs a restart: ${key}`);
  for (const line of broken) console.log(`broken: ${line}`);
}
