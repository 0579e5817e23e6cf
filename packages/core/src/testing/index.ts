export { type ContainerRequestChange, testContainerRequest } from "../containers/testing/test-container-request.ts";
export { testHandler } from "../sandbox/testing/test-handler.ts";
export { testPodSandboxRequest } from "../sandbox/testing/test-pod-sandbox-request.ts";
export { testSandboxPlan } from "../sandbox/testing/test-sandbox-plan.ts";
