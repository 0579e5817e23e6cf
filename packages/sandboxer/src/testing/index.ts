export { AwakeTime } from "./controller-suite/awake-time.ts";
export { controllerSuite } from "./controller-suite/controller-suite.ts";
export type {
  ControllerFixture,
  ControllerPeer,
  ControllerSuiteOptions,
} from "./controller-suite/controller-fixture.ts";
export { testSandbox } from "./test-sandbox.ts";
