import * as z from "zod";

const id = z.int().min(0).max(4_294_967_294);

const profile = z.object({
  type: z.enum(["RuntimeDefault", "Unconfined", "Localhost"]),
  localhostProfile: z.string().optional(),
});

const shared = {
  runAsUser: id.optional(),
  runAsGroup: id.optional(),
  runAsNonRoot: z.boolean().optional(),
  seLinuxOptions: z
    .object({
      user: z.string().optional(),
      role: z.string().optional(),
      type: z.string().optional(),
      level: z.string().optional(),
    })
    .optional(),
  seccompProfile: profile.optional(),
  appArmorProfile: profile.optional(),
};

/** The security context of a container. */
export const securityContext = z.object({
  ...shared,
  privileged: z.boolean().optional(),
  allowPrivilegeEscalation: z.boolean().optional(),
  readOnlyRootFilesystem: z.boolean().optional(),
  procMount: z.enum(["Default", "Unmasked"]).optional(),
  capabilities: z.object({ add: z.array(z.string()).optional(), drop: z.array(z.string()).optional() }).optional(),
});

/** The security context of a pod; what its containers say themselves comes first. */
export const podSecurityContext = z.object({
  ...shared,
  supplementalGroups: z.array(id).optional(),
  supplementalGroupsPolicy: z.enum(["Merge", "Strict"]).optional(),
  fsGroup: id.optional(),
  fsGroupChangePolicy: z.enum(["Always", "OnRootMismatch"]).optional(),
  sysctls: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
});

export type SecurityContext = z.infer<typeof securityContext>;
export type PodSecurityContext = z.infer<typeof podSecurityContext>;
