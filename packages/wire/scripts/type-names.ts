import { isType, type TableNode, type TablePackage } from "./tables.ts";

/** The well-known types that the protobuf runtime has itself, and the files they come from. */
const wellKnown: Readonly<Record<string, string>> = {
  "google.protobuf.Any": "google/protobuf/any.proto",
  "google.protobuf.Empty": "google/protobuf/empty.proto",
  "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
};

/** Where each type of the tables lives, and what a relative name means. */
export interface TypeNames {
  /** The full name that `type` has when mentioned inside `scope` (a message or a package). Unknown names throw. */
  resolve(type: string, scope: string): string;
  isEnum(fullName: string): boolean;
  fileOfType(fullName: string): string;
  fileOfPackage(packageName: string): string;
}

/** Indexes all types. `moved` renames packages on lookup, for a package that borrows the messages of another. */
export function indexTypes(
  packages: ReadonlyMap<string, TablePackage>,
  moved: Readonly<Record<string, string>>,
): TypeNames {
  const known = new Map<string, { readonly node: TableNode; readonly packageName: string }>();
  const add = (fullName: string, node: TableNode, packageName: string): void => {
    known.set(fullName, { node, packageName });
    for (const [name, child] of Object.entries(node.nested ?? {})) {
      if (isType(child)) add(`${fullName}.${name}`, child, packageName);
    }
  };
  for (const [packageName, types] of packages) {
    for (const [name, node] of types) add(`${packageName}.${name}`, node, packageName);
  }
  const fileOfPackage = (packageName: string): string => `${packageName.replaceAll(".", "-")}.proto`;
  return {
    resolve(type, scope) {
      // The innermost scope wins, as in protobuf's language specification.
      for (let path = scope.split("."); ; path = path.slice(0, -1)) {
        const start = path.join(".");
        const prefix = moved[start] ?? start;
        const fullName = prefix === "" ? type : `${prefix}.${type}`;
        if (known.has(fullName) || fullName in wellKnown) return fullName;
        if (path.length === 0) throw new Error(`resolving type "${type}" in ${scope}: no table has it`);
      }
    },
    isEnum: (fullName) => known.get(fullName)?.node.values !== undefined,
    fileOfType: (fullName) => wellKnown[fullName] ?? fileOfPackage(known.get(fullName)?.packageName ?? ""),
    fileOfPackage,
  };
}
