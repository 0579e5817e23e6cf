export {
  connectStubPlugin,
  openStubPlugin,
  type StubEvent,
  type StubHandlers,
  type StubOptions,
  type StubPlugin,
  type StubSet,
} from "./stub-plugin.ts";
