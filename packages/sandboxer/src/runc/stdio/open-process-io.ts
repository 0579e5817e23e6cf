import { openDirectIo, type IoOwner } from "./direct-io.ts";
import { openTerminalIo } from "./terminal-io.ts";
import type { IoRequest, ProcessIo } from "./types.ts";

/** Opens what a process that is about to be started has as its standard streams. `directory` takes the socket of a terminal. */
export async function openProcessIo(request: IoRequest, owner: IoOwner, directory: string): Promise<ProcessIo> {
  return request.terminal ? await openTerminalIo(request, directory) : openDirectIo(request, owner);
}
