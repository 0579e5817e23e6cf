export { scriptCredentials } from "./scripts/auth-scripts.ts";
export { type Content, type Exchange, type Fault, serve, type ServeChanges } from "./exchange.ts";
export type { FaultScript, Stage } from "./scripts/fault-script.ts";
export { faultScripts } from "./scripts/fault-scripts.ts";
export {
  FaultyRegistry,
  type FaultyRegistryOptions,
  type LayerSource,
  type Rule,
  type ServedDescriptor,
  type ServedImage,
} from "./faulty-registry.ts";
export {
  flip,
  flipped,
  gzipped,
  hangUp,
  rawAnswer,
  redirect,
  redirectTo,
  serveWith,
  silence,
  status,
} from "./faults.ts";
export type { RecordedRequest } from "./recorded-request.ts";
export { makeTestCertificates, type TestCertificates } from "./test-certificates.ts";
export type { AuthOptions } from "./token-auth.ts";
