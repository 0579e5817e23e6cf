export type { RuncTasksOptions } from "./types.ts";
