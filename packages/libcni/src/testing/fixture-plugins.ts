import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Real programs that behave, or misbehave, as plugins do. `LOG` in their environment names a file they may write to. */
const scripts = {
  noop: `cat > /dev/null; echo '{"cniVersion":"1.0.0"}'`,
  address: `cat > /dev/null; echo '{"cniVersion":"1.0.0","ips":[{"address":"10.231.1.2/24"}]}'`,
  echo: `config=$(cat /dev/stdin); printf '%s %s\\n' "$CNI_COMMAND" "$config" >> "$LOG"; [ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"10.231.1.2/24"}]}'`,
  environment: `env | sort > "$LOG"; echo '{}'`,
  "fail-json": `echo 'trace line' >&2; echo '{"cniVersion":"1.0.0","code":7,"msg":"bad bridge","details":"mtu too large"}'; exit 1`,
  "fail-silent": `exit 3`,
  "fail-stderr": `echo 'panic: nil map' >&2; exit 2`,
  garbage: `echo 'Segmentation fault (core dumped)'`,
  empty: `exit 0`,
  huge: `head -c 10485760 /dev/zero | tr '\\0' 'x'`,
  endless: `while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done`,
  "loud-stderr": `head -c 1048576 /dev/zero | tr '\\0' 'e' >&2; echo END >&2; echo '{}'`,
  hang: `echo $$ > "$LOG"; trap '' TERM; while :; do sleep 1000; done`,
  slow: `echo $$ > "$LOG"; sleep 0.2; echo done`,
  "hang-child": `sleep 1000 & echo $! > "$LOG"; sleep 1000`,
  "exit-child": `sleep 1000 & echo $! > "$LOG"; echo '{"cniVersion":"1.0.0"}'`,
  "fail-child": `sleep 1000 >/dev/null 2>&1 & echo $! > "$LOG"; exit 1`,
  killed: `kill -SEGV $$`,
  "wrong-version": `echo '{"cniVersion":"9.9.9","ips":[]}'`,
  // Makes something on ADD, then fails; DEL removes it.
  "half-way": `case $CNI_COMMAND in ADD) touch "$LOG"; echo '{"code":11,"msg":"try later"}'; exit 1;; DEL) rm -f "$LOG";; esac`,
} as const;

/** Names of the fixtures. */
export type FixturePlugin = keyof typeof scripts;

/** Writes all fixtures into a directory as executable files. */
export async function writeFixturePlugins(dir: string): Promise<void> {
  for (const [name, body] of Object.entries(scripts))
    await writeFile(join(dir, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}
