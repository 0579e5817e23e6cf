export { createProxyController } from "./controller.ts";
export type {
  ProxyBudgets,
  ProxyController,
  ProxyControllerOptions,
  SandboxerConfig,
  SandboxerState,
} from "./types.ts";
