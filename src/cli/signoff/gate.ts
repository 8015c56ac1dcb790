import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isKind, SealpostError } from '../../core/errors.ts'
import type { Ledger } from '../../core/ledger.ts'
import { scopeOf } from '../../engine/settings.ts'
import { openLedger } from '../../ledger/open-ledger.ts'
import { judgeDelivery, type Obstacle } from '../../signoff/gate.ts'
import type { CredentialFacts, ProjectFacts, ProjectIdentity, SignoffRequest } from '../../signoff/state.ts'
import { openCredentialStore } from '../../../vault/credentials.ts'
import { openProject } from '../../../vault/projects.ts'
import { withEverySeries } from '../backup/series.ts'
import type { CommandContext } from '../context.ts'
import { countPlaintext } from '../project/plaintext-notes.ts'
import { readProjectFiles, type ProjectFiles } from '../project/files.ts'
import type { ProjectFolder } from '../project/folder.ts'
import { backupsInRecords, backupsWithoutRecords, type BackupsFound } from './backups.ts'
import { CANARY_CREDENTIAL } from './canary-name.ts'
import { canaryPlaceOf, isSealedUnder } from './canaries.ts'
import type { SignoffBooks } from './records.ts'
import type { SigningPeople } from './people.ts'
import { accountListOf, mailStoresOf, storesInTheWay } from './places.ts'
import { keyFactsOf } from './vault.ts'

/** The project as certificate and records name it. */
export function identityOf({ path, record }: ProjectFolder): ProjectIdentity {
  return { id: record.id, client: record.client, createdAt: record.created, folder: path }
}

/** What the gate said. */
export interface GateOutcome {
  /** Null when it did not let the project through. */
  readonly facts: ProjectFacts | null
  readonly obstacles: readonly Obstacle[]
}

/**
 * Looks at everything that keeps the project from being signed off and, when nothing does, gathers what the certificate
 * will say of it. An abandoned project passes whatever its delivery, also when it cannot be opened any more; a hold still
 * blocks, and so does a folder in which nothing opens with keys that are alive, unless their project is `confirmed` by its id.
 * Changes nothing. The caller holds the project's lock.
 */
export async function passGate(
  context: CommandContext,
  folder: ProjectFolder,
  people: SigningPeople,
  books: SignoffBooks,
  request: SignoffRequest,
  confirmed: string | null,
): Promise<GateOutcome> {
  const abandoned = request.abandon !== null
  const files = await readFiles(folder, abandoned)
  const { config, accounts } = files ?? { config: null, accounts: [] }
  const obstacles: Obstacle[] = []
  const add = (code: string, text: string, hint: string): void => {
    obstacles.push({ code, text, hint, count: 1, acceptAs: null })
  }
  const hold = await books.records.hold(identityOf(folder))
  if (hold !== null) {
    add(hold.code, `a ${hold.what} by ${hold.by} of ${hold.since}`, hold.hint)
  }
  const mailStores = config === null ? [] : await mailStoresOf(folder.path, config, accounts)
  for (const store of await storesInTheWay(folder.path, folder.state, config, mailStores)) {
    const what = config === null ? 'may be a mail store (the settings cannot be read)' : 'is a mail store'
    add('mail-store', `${store} ${what} and lies where sign-off removes files`, 'move it elsewhere')
  }
  const waived = request.alone !== null
  if (people.couldSign >= 2 && people.second === null && !waived) {
    add(
      'dual-control',
      `${people.couldSign} operators could sign, and a second one has to`,
      '--second OPERATOR, or --alone REASON',
    )
  }
  const looked = await lookInside(context, folder, people, files, request)
  const { id } = folder.record
  if (looked.strange && confirmed !== id) {
    add(
      'other-folder',
      `nothing in ${folder.path} opens with the keys of project ${id}, which are alive: its record may name another project`,
      `see which project that is: sealpost audit show --of ${id} --last 0 --personal; if it is this one: --confirm ${id}`,
    )
  }
  const backups = looked.backups ?? (await backupsWithoutRecords(folder.path, await books.loggedBackups()))
  obstacles.push(...backups.obstacles)
  if (!abandoned) obstacles.push(...looked.obstacles)
  if (obstacles.length > 0) return { facts: null, obstacles }
  return {
    obstacles: [],
    facts: {
      delivery: looked.delivery,
      unavailable: looked.unavailable,
      accepted: looked.accepted,
      credentials: looked.credentials,
      keys: await keyFactsOf(context.home, people.operator, folder.record.id),
      keysRenewedAt: await books.keysRenewedAt(),
      handedOver: backups.handedOver,
      unlistedBackups: backups.unlistedBackups,
      mailStores,
      plaintextImports: await countPlaintext(folder.state),
      accountList: await accountListOf(folder.path, config),
      dualControl: dualControlText(people, request),
    },
  }
}

interface Inside extends Pick<ProjectFacts, 'delivery' | 'unavailable' | 'accepted' | 'credentials'> {
  readonly obstacles: readonly Obstacle[]
  /** Null when their records do not open. */
  readonly backups: BackupsFound | null
  /** The keys open, and nothing in the folder is sealed under them. */
  readonly strange: boolean
}

async function lookInside(
  context: CommandContext,
  folder: ProjectFolder,
  people: SigningPeople,
  files: ProjectFiles | null,
  request: SignoffRequest,
): Promise<Inside> {
  let credentials: readonly CredentialFacts[] = []
  let backups: BackupsFound | null = null
  let strange = false
  try {
    const keys = await openProject(context.home, people.operator, folder.record.id)
    try {
      strange = !(await isSealedUnder(canaryPlaceOf(folder), keys))
      backups = await withEverySeries(folder.state, keys.ledgerKey, backupsInRecords)
      const store = openCredentialStore(folder.path, folder.record.id, keys.credentialKey, context.clock)
      credentials = (await store.list())
        .filter(({ name }) => name !== CANARY_CREDENTIAL)
        .map(({ name, kind }) => ({ name, kind }))
      return withLedger(folder, keys.ledgerKey, (ledger) => {
        const abandoned = request.abandon !== null
        const scope = files === null ? null : scopeOf(files.config.filters, files.config.mapping)
        const accept = abandoned ? [] : request.accept
        const { facts, obstacles, accepted } = judgeDelivery(ledger, files?.accounts ?? [], scope, accept)
        return { delivery: facts, unavailable: null, accepted, credentials, obstacles, backups, strange }
      })
    } finally {
      keys.wipe()
    }
  } catch (error) {
    if (request.abandon === null || !isKind(error, 'locked', 'corrupt', 'config')) throw error
    return {
      delivery: null,
      unavailable: error.message,
      accepted: [],
      credentials,
      obstacles: [],
      backups,
      strange,
    }
  }
}

function withLedger<T>(folder: ProjectFolder, key: Buffer, work: (ledger: Ledger) => T): T {
  const path = join(folder.state, 'ledger.db')
  if (!existsSync(path)) {
    throw new SealpostError('corrupt', `${path} is missing`, {
      hint: 'sealpost run makes one for a project that was never run; or sign off with --abandon --reason R',
    })
  }
  const ledger = openLedger(path, key)
  try {
    return work(ledger)
  } finally {
    ledger.close()
  }
}

/** The project's files; null where an abandoned project has none that can be read. */
async function readFiles(folder: ProjectFolder, abandoned: boolean): Promise<ProjectFiles | null> {
  try {
    return await readProjectFiles(folder.path)
  } catch (error) {
    if (!abandoned || !isKind(error, 'config')) throw error
    return null
  }
}

function dualControlText(people: SigningPeople, request: SignoffRequest): string {
  const { couldSign, operator, second } = people
  if (second !== null) return `${operator.name}, with ${second.name} as the second person`
  if (couldSign < 2) return 'not required: the workspace has one operator who can sign'
  return `waived by ${operator.name}: ${request.alone ?? ''}`
}
