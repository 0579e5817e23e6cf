export { noValidator } from "./no-validator.ts";
export {
  connectStubPlugin,
  openStubPlugin,
  type StubEvent,
  type StubHandlers,
  type StubOptions,
  type StubPlugin,
  type StubSet,
} from "./stub-plugin.ts";
