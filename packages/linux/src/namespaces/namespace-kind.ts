/** The namespaces that crib pins or enters: kind, as in `/proc/<pid>/ns/<kind>`, to its CLONE_NEW* flag. */
export const namespaceFlags = {
  net: 0x4000_0000,
  ipc: 0x0800_0000,
  uts: 0x0400_0000,
  user: 0x1000_0000,
} as const;

/** A kind of namespace. */
export type NamespaceKind = keyof typeof namespaceFlags;

/** The kinds that a thread of a multi-threaded process can leave and enter again. */
export type ThreadNamespaceKind = Exclude<NamespaceKind, "user">;
