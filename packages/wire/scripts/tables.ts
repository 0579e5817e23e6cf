import { readdirSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

/** A field as the tables write it; `keyType` makes it a map. */
export interface TableField {
  readonly type: string;
  readonly id: number;
  readonly rule?: "repeated";
  readonly keyType?: string;
  readonly options?: { readonly deprecated?: boolean; readonly proto3_optional?: boolean };
}

/** A method of a service; types may be relative to the service's package. */
export interface TableMethod {
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

/** A node of a table: a message has `fields`, an enum `values`, a service `methods`, a package none of them. */
export interface TableNode {
  readonly fields?: Readonly<Record<string, TableField>>;
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[] }>>;
  readonly reserved?: readonly (readonly [number, number] | string)[];
  readonly values?: Readonly<Record<string, number>>;
  readonly methods?: Readonly<Record<string, TableMethod>>;
  readonly nested?: Readonly<Record<string, TableNode>>;
}

/** The types of one package by their simple names, in the order of the tables. */
export type TablePackage = ReadonlyMap<string, TableNode>;

/**
 * Reads every table of a directory and joins them by package. A type that several tables carry must read the same in
 * each; two readings are an error, since one would win silently.
 */
export function readTables(directory: URL): ReadonlyMap<string, TablePackage> {
  const packages = new Map<string, Map<string, TableNode>>();
  for (const file of readdirSync(directory).toSorted()) {
    if (!file.endsWith(".json")) continue;
    const root = JSON.parse(readFileSync(new URL(file, directory), "utf8")) as TableNode;
    collect(root, [], packages, file);
  }
  return packages;
}

function collect(
  node: TableNode,
  path: readonly string[],
  packages: Map<string, Map<string, TableNode>>,
  file: string,
): void {
  for (const [name, child] of Object.entries(node.nested ?? {})) {
    if (isType(child)) {
      const packageName = path.join(".");
      const types = packages.get(packageName) ?? new Map<string, TableNode>();
      packages.set(packageName, types);
      const known = types.get(name);
      if (known !== undefined && !isDeepStrictEqual(known, child)) {
        throw new Error(`reading table "${file}": ${packageName}.${name} differs from another table`);
      }
      types.set(name, child);
    } else {
      collect(child, [...path, name], packages, file);
    }
  }
}

/** Whether a node is a message, an enum or a service, not a package. */
export function isType(node: TableNode): boolean {
  return node.fields !== undefined || node.values !== undefined || node.methods !== undefined;
}
