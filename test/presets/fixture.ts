import { readAccounts } from '../../src/cli/config/mailboxes-csv.ts'
import { readProjectConfig } from '../../src/cli/config/project-config.ts'
import type { ProjectConfig } from '../../src/cli/config/project-types.ts'
import type { EndFacts } from '../../src/cli/project/open-end.ts'
import { formatProblem } from '../../src/cli/config/problems.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { CredentialStore } from '../../vault/credentials.ts'
import { Secret } from '../../vault/secret.ts'

/** A credential of a test, by its name. */
export type Credentials = Readonly<Record<string, { readonly username: string | null; readonly secret: string }>>

/** A project whose source is `end`, in YAML's flow form. Throws with all that is wrong. */
export async function configOf(end: string): Promise<ProjectConfig> {
  const { config, problems } = await readProjectConfig('p', yamlOf(end))
  if (config === null) throw new Error(problems.map(formatProblem).join('\n'))
  return config
}

/** What is wrong with a project whose source is `end`. */
export async function problemsOf(end: string): Promise<readonly string[]> {
  const { problems } = await readProjectConfig('p', yamlOf(end))
  return problems.map((problem) => `${formatProblem(problem)} (${problem.hint ?? ''})`)
}

function yamlOf(end: string): string {
  return `version: 1\nclient: x\nsource: ${end}\ndestination: {kind: maildir, path: "new/{account}"}\n`
}

/** What opens the ends of such a project, with credentials that lie in memory. */
export async function factsOf(
  end: string,
  accounts: readonly string[],
  credentials: Credentials,
): Promise<EndFacts> {
  const rows = accounts.map((account) => `${account},${account}\n`).join('')
  const get: CredentialStore['get'] = async (name) => {
    const found = credentials[name]
    if (found === undefined) throw new Error(`no credential ${name}`)
    return {
      name,
      kind: 'password',
      created: 0,
      expires: null,
      expired: false,
      username: found.username,
      secret: Secret.fromBytes(Buffer.from(found.secret)),
    } as unknown as Awaited<ReturnType<CredentialStore['get']>>
  }
  return {
    folder: '/project',
    config: await configOf(end),
    accounts: readAccounts('m.csv', Buffer.from(`source,destination\n${rows}`)).pairs,
    credentials: { get } as CredentialStore,
    clock: systemClock,
    keep: () => undefined,
  }
}
