import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import type { AuthConfigSchema } from "@crib/wire/cri";

import { readPassword, readPasswordFrom } from "./read-password.ts";

/** The flags that say who pulls. */
export interface CredentialOptions {
  /** `USER` or `USER:PASSWORD`. */
  readonly creds?: string;
  readonly username?: string;
  readonly passwordStdin?: true;
  /** A file in the format of Docker's config.json. */
  readonly authfile?: string;
}

type AuthConfig = MessageInitShape<typeof AuthConfigSchema>;

/**
 * The credentials that the flags give for an image; undefined without any. No message ever has them. InvalidArgument for
 * flags that do not go together; FailedPrecondition for a file that cannot be read.
 */
export async function credentialsOf(options: CredentialOptions, image: string): Promise<AuthConfig | undefined> {
  const { creds, username, passwordStdin, authfile } = options;
  if (authfile !== undefined) return await (await import("./auth-file.ts")).findInAuthFile(authfile, image);
  if (creds !== undefined) {
    const colon = creds.indexOf(":");
    if (colon === 0 || creds === "") throw new StatusError(Code.InvalidArgument, "reading --creds: it has no user");
    if (colon > 0) return { username: creds.slice(0, colon), password: creds.slice(colon + 1) };
    return { username: creds, password: await readPassword(`Password of ${creds}: `) };
  }
  if (username === undefined && !passwordStdin) return undefined;
  if (!username) throw new StatusError(Code.InvalidArgument, "reading --password-stdin: it needs --username");
  const password = passwordStdin
    ? await readPasswordFrom(process.stdin)
    : await readPassword(`Password of ${username}: `);
  return { username, password };
}
