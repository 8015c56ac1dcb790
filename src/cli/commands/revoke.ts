import type { Command } from 'commander'
import { SealpostError } from '../../core/errors.ts'
import type { CredentialSummary } from '../../../vault/credentials.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { ProjectFolder } from '../project/folder.ts'
import { CANARY_CREDENTIAL } from '../signoff/canary-name.ts'
import { table } from '../terminal/table.ts'

/** `revoke`: takes the project away from a person, by keys that the person never had. */
export function addRevoke(program: Command, start: Start): void {
  program
    .command('revoke')
    .description('take the project away from a person: new keys for all that is sealed in it')
    .argument('<name>', 'name of the person')
    .action((name: string) => start((context) => revoke(name, context)))
}

async function revoke(name: string, context: CommandContext): Promise<ExitCode> {
  const { assertNotFrozen, atDesk, makeEvent } = await import('../books/desk.ts')
  const { findProject } = await import('../project/folder.ts')
  const { lockProject } = await import('../project/lock.ts')
  const { revokeProject } = await import('../project/revoke-project.ts')
  const { findJournal } = await import('../signoff/journal.ts')
  const folder = await findProject(context.options.project)
  const { id } = folder.record
  const lock = await lockProject(folder.state, context.clock)
  try {
    return await atDesk(context, { project: id, object: name }, async (books, lead) => {
      await assertNotFrozen(books, context.stop)
      if ((await findJournal(context.home, folder.path)) !== null) {
        throw new SealpostError('policy', 'the sign-off of this project has begun, and destroys its keys', {
          hint: 'end it: sealpost signoff',
          code: 'SIGNOFF_UNDER_WAY',
        })
      }
      const { home, clock, hard } = context
      const dropped = await revokeProject(name, { home, lead, folder, clock }, async (operators, generation) => {
        const event = { project: id, facts: { generation } }
        const events = operators.map((object) => makeEvent(books, 'revoke', { ...event, object }))
        await books.log.appendAll(events, hard)
      })
      await tell(name, dropped, folder, lead, context)
      return EXIT.complete
    })
  } finally {
    await lock.release()
  }
}

async function tell(
  name: string,
  dropped: readonly string[],
  folder: ProjectFolder,
  lead: UnlockedOperator,
  { home, clock, output }: CommandContext,
): Promise<void> {
  const { openCredentialStore } = await import('../../../vault/credentials.ts')
  const { openProject } = await import('../../../vault/projects.ts')
  const { id } = folder.record
  const keys = await openProject(home, lead, id)
  let change: readonly CredentialSummary[]
  try {
    const store = openCredentialStore(folder.path, id, keys.credentialKey, clock)
    change = (await store.list()).filter((credential) => credential.name !== CANARY_CREDENTIAL)
  } finally {
    keys.wipe()
  }
  const { intakeRecipient } = keys
  if (dropped.length === 0) output.line(`${name} has no grant of this project`)
  for (const person of dropped) output.line(`${person} cannot open this project any more: its keys are new`)
  if (dropped.length > 0) {
    output.line('Intake pages that are out cannot be opened any more: make new ones with sealpost intake page.')
    output.line(`  intake recipient    ${intakeRecipient}`)
  }
  if (change.length > 0) {
    output.line(`What ${name} could open may have been copied. The client should change:`)
    for (const line of table(
      ['name', 'kind'],
      change.map(({ name: credential, kind }) => [credential, kind]),
    ))
      output.line(`  ${line}`)
  }
  output.document({
    revoked: { project: id, operators: dropped },
    change: change.map((credential) => ({ name: credential.name, kind: credential.kind })),
    intakeRecipient,
  })
}
