export { noPlugins } from "./no-plugins.ts";
export type * from "./types.ts";
