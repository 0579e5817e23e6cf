import type { DefaultValidatorOptions } from "../types.ts";

/** Nothing is refused. */
export const noValidator: DefaultValidatorOptions = {
  enable: false,
  rejectOciHooks: false,
  rejectRuntimeDefaultSeccomp: false,
  rejectUnconfinedSeccomp: false,
  rejectCustomSeccomp: false,
  rejectNamespaces: false,
  rejectSysctls: false,
  requiredPlugins: [],
  tolerateMissingAnnotation: "",
};
