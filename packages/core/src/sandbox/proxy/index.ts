export type { ProxyBudgets, ProxyControllerOptions, SandboxerConfig } from "./types.ts";
