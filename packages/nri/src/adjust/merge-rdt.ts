import { create } from "@bufbuild/protobuf";
import { Field, type LinuxRdt, LinuxRdtSchema } from "@crib/wire/nri";

import type { Claim, FieldOwners } from "./field-owners.ts";

const rdtFields: Readonly<Record<"closId" | "schemata" | "enableMonitoring", Claim>> = {
  closId: { field: Field.RdtClosID, label: "RDT class of service" },
  schemata: { field: Field.RdtSchemata, label: "RDT schemata" },
  enableMonitoring: { field: Field.RdtEnableMonitoring, label: "RDT monitoring" },
};

/** What plugins together want of cache and memory bandwidth control. `remove` takes away what was set before, then sets anew. */
export function mergeRdt(owners: FieldOwners, plugin: string, rdt: LinuxRdt | undefined, more: LinuxRdt): LinuxRdt {
  if (more.remove) for (const claim of Object.values(rdtFields)) owners.clear(claim);
  const under = more.remove ? undefined : rdt;
  for (const [key, claim] of Object.entries(rdtFields)) {
    if (more[key as keyof typeof rdtFields] !== undefined) owners.claim(plugin, claim);
  }
  const closId = more.closId ?? under?.closId;
  const schemata = more.schemata ?? under?.schemata;
  const enableMonitoring = more.enableMonitoring ?? under?.enableMonitoring;
  return create(LinuxRdtSchema, {
    ...(closId && { closId }),
    ...(schemata && { schemata }),
    ...(enableMonitoring && { enableMonitoring }),
    remove: more.remove || (rdt?.remove ?? false),
  });
}
