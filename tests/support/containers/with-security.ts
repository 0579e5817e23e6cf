import type { ContainerConfig } from "./container.ts";

/** What a message is made from, without messages already made. */
type Plain<T> = Exclude<NonNullable<T>, { readonly $typeName: string }>;

type Linux = Plain<ContainerConfig["linux"]>;

/** Changes the security context of a container and leaves what else it says. */
export function withSecurity(security: Plain<Linux["securityContext"]>): (config: ContainerConfig) => ContainerConfig {
  return (config) => {
    const linux = config.linux as Linux | undefined;
    const before = linux?.securityContext as Plain<Linux["securityContext"]> | undefined;
    return { ...config, linux: { ...linux, securityContext: { ...before, ...security } } };
  };
}
