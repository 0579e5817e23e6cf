import * as z from "zod";

import { isQuantity } from "./quantity.ts";
import { securityContext, podSecurityContext } from "./security-schema.ts";

const label = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, { error: "expected at most 63 of a-z, 0-9 and -" });
const subdomain = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, {
    error: "expected a-z, 0-9, - and dots, such as web-1",
  });
const absolutePath = z.string().regex(/^\//, { error: "expected an absolute path" });
const port = z.int().min(1).max(65_535);
const pullPolicy = z.enum(["Always", "IfNotPresent", "Never"]);
const strings = z.record(z.string(), z.string());
const quantity = z
  .union([z.string(), z.number()], { error: "expected a quantity such as 100m or 64Mi" })
  .refine((value) => isQuantity(String(value)), { error: "expected a quantity such as 100m or 64Mi" });

const variable = z.object({
  name: z.string().regex(/^[^=\0]+$/, { error: "expected a name without =" }),
  value: z.string().optional(),
  valueFrom: z
    .object({ fieldRef: z.object({ fieldPath: z.string(), apiVersion: z.string().optional() }).optional() })
    .optional(),
});

const volumeMount = z.object({
  name: label,
  mountPath: absolutePath,
  readOnly: z.boolean().optional(),
  recursiveReadOnly: z.enum(["Disabled", "IfPossible", "Enabled"]).optional(),
  mountPropagation: z.enum(["None", "HostToContainer", "Bidirectional"]).optional(),
  subPath: z.string().optional(),
});

const container = z.object({
  name: label,
  image: z.string().min(1),
  imagePullPolicy: pullPolicy.optional(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  env: z.array(variable).optional(),
  ports: z
    .array(
      z.object({
        name: z.string().optional(),
        containerPort: port,
        hostPort: port.optional(),
        hostIP: z.union([z.ipv4(), z.ipv6()], { error: "expected an IP address" }).optional(),
        protocol: z.enum(["TCP", "UDP", "SCTP"]).optional(),
      }),
    )
    .optional(),
  resources: z
    .object({
      limits: z.record(z.string(), quantity).optional(),
      requests: z.record(z.string(), quantity).optional(),
    })
    .optional(),
  volumeMounts: z.array(volumeMount).optional(),
  securityContext: securityContext.optional(),
  lifecycle: z.object({ stopSignal: z.string().optional() }).optional(),
  stdin: z.boolean().optional(),
  stdinOnce: z.boolean().optional(),
  tty: z.boolean().optional(),
  /** Of init containers only: `Always` makes a sidecar. */
  restartPolicy: z.enum(["Always", "OnFailure", "Never"]).optional(),
});

const volume = z.object({
  name: label,
  emptyDir: z
    .object({
      medium: z.enum(["", "Memory"], { error: 'expected "" or "Memory"' }).optional(),
      sizeLimit: quantity.optional(),
    })
    .optional(),
  hostPath: z
    .object({
      path: absolutePath,
      type: z
        .enum(["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"])
        .optional(),
    })
    .optional(),
  image: z.object({ reference: z.string().min(1), pullPolicy: pullPolicy.optional() }).optional(),
});

/** A Pod of Kubernetes, as far as crib runs it. Fields that it does not name are told by `findOtherFields`. */
export const podManifest = z.object({
  apiVersion: z.literal("v1"),
  kind: z.literal("Pod"),
  metadata: z.object({
    name: subdomain,
    namespace: label.optional(),
    labels: strings.optional(),
    annotations: strings.optional(),
  }),
  spec: z.object({
    containers: z.array(container).min(1),
    initContainers: z.array(container).optional(),
    volumes: z.array(volume).optional(),
    restartPolicy: z.enum(["Always", "OnFailure", "Never"]).optional(),
    terminationGracePeriodSeconds: z.int().min(0).max(2_147_483).optional(),
    runtimeClassName: z.string().optional(),
    hostname: label.optional(),
    hostNetwork: z.boolean().optional(),
    hostPID: z.boolean().optional(),
    hostIPC: z.boolean().optional(),
    shareProcessNamespace: z.boolean().optional(),
    dnsPolicy: z.enum(["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]).optional(),
    dnsConfig: z
      .object({
        nameservers: z.array(z.string()).optional(),
        searches: z.array(z.string()).optional(),
        options: z.array(z.object({ name: z.string(), value: z.string().optional() })).optional(),
      })
      .optional(),
    securityContext: podSecurityContext.optional(),
  }),
});

/** A Pod that can be run. */
export type PodManifest = z.infer<typeof podManifest>;
/** One container of it. */
export type ContainerManifest = z.infer<typeof container>;
/** One volume of it. */
export type VolumeManifest = z.infer<typeof volume>;
