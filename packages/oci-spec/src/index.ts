export type {
  Descriptor,
  Digest,
  ImageConfig,
  ImageIndex,
  ImageManifest,
  ImageReference,
  ImageUser,
} from "./image/types.ts";
export { type PlatformName, platformOf } from "./platform.ts";
export type {
  Capabilities,
  DeviceRule,
  LinuxIdMapping,
  LinuxNamespace,
  LinuxNamespaceType,
  LinuxResources,
  LinuxSpec,
  Mount,
  Process,
  Root,
  RuntimeSpec,
  SeccompProfile,
  SeccompRule,
  User,
} from "./runtime-spec.ts";
export { parseSeccompProfile } from "./seccomp.ts";
