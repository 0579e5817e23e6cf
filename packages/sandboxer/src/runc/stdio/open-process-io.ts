import { openDirectIo, type IoOwner } from "./direct-io.ts";
import { openTerminalIo } from "./terminal-io.ts";
import type { IoRequest, ProcessIo } from "./types.ts";

/** Opens what a process that is about to be started has as its standard streams. */
export async function openProcessIo(
  request: IoRequest,
  settings: IoOwner & { readonly consoleDir: string },
): Promise<ProcessIo> {
  return request.terminal ? await openTerminalIo(request, settings.consoleDir) : openDirectIo(request, settings);
}
