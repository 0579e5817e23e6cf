import { metricDescriptors } from "../metrics/descriptors.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Every metric that ListPodSandboxMetrics may report. */
export const listMetricDescriptors: RuntimeRpc<"listMetricDescriptors"> = () => ({
  descriptors: [...metricDescriptors],
});
