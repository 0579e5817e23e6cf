export { createStdio, type StdioOptions } from "./create-stdio.ts";
export { type ExecStdioRequest, openExecStdio } from "./exec/open-exec-stdio.ts";
export type * from "./types.ts";
