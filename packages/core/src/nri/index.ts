export { createPluginHooks } from "./create-plugin-hooks.ts";
export { noPlugins } from "./no-plugins.ts";
export type * from "./types.ts";
