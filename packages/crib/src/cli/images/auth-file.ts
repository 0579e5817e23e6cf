import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { parseReference } from "@crib/oci-spec";
import { type Credentials, readDockerConfigCredentials } from "@crib/registry";
import type { AuthConfigSchema } from "@crib/wire/cri";

type AuthConfig = MessageInitShape<typeof AuthConfigSchema>;

/**
 * The credentials that a file has for the registry of an image. Looked up here, so that only these leave the process.
 * NotFound when there are none: whoever names a file expects them to be used.
 */
export async function findInAuthFile(path: string, image: string): Promise<AuthConfig> {
  const { registry, repository } = parseReference(image);
  const found = await readDockerConfigCredentials([path])(registry, repository);
  if (found) return toAuthConfig(found);
  throw new StatusError(Code.NotFound, `reading "${path}": it has no credentials for "${registry}"`);
}

function toAuthConfig(credentials: Credentials): AuthConfig {
  if (credentials.kind === "identity-token") return { identityToken: credentials.token };
  if (credentials.kind === "registry-token") return { registryToken: credentials.token };
  return { username: credentials.username, password: credentials.password };
}
