import { auditObject } from '../../core/audit.ts'
import { counted } from '../../core/counted.ts'
import type { CertificateIssuer, PurgePorts } from '../../signoff/ports.ts'
import { purgeFilesOf } from '../../signoff/project-files.ts'
import type { SearchProgress } from '../../signoff/search-folders.ts'
import type { PurgeStep } from '../../signoff/state.ts'
import { trimFolders } from '../../signoff/trim.ts'
import { keystoreFolder } from '../../../vault/paths.ts'
import { formatSize } from '../config/units.ts'
import type { CommandContext } from '../context.ts'
import { grantRevokers } from '../project/revoke-grant.ts'
import { LINE_MS } from '../terminal/progress.ts'
import { giveBack } from './give-back.ts'
import type { SignoffBooks } from './records.ts'
import { openJournal } from './journal.ts'
import type { SigningPeople } from './people.ts'
import { searchedPlaces } from './places.ts'
import { STEP_INDENT } from './step-words.ts'
import { toolFacts, zoneFacts } from './tool.ts'
import { purgeVaultOf } from './vault.ts'
import { inspectFor } from '../workstation.ts'

/** What the purge of one project is about. */
export interface PurgeSubject {
  /** The project folder. */
  readonly folder: string
  readonly state: string
  readonly projectId: string
  readonly accountList: string
  readonly mailStores: readonly string[]
  /** Where the shred key lies, or lay. */
  readonly slotFolder: string
}

/** Everything that a purge reaches, over the real files and keys. */
export async function purgePortsOf(
  context: CommandContext,
  subject: PurgeSubject,
  people: SigningPeople,
  books: SignoffBooks,
  issuer: CertificateIssuer,
  progress: (step: PurgeStep) => void,
): Promise<PurgePorts> {
  const { clock, home } = context
  const { folder, state, projectId, slotFolder } = subject
  const keystore = keystoreFolder(home)
  return {
    clock,
    journal: openJournal(home, projectId),
    vault: purgeVaultOf(home, people.operator, { folder, state, projectId }),
    files: purgeFilesOf({
      folder,
      state,
      accountList: subject.accountList,
      keystore,
      searched: await searchedPlaces(folder, state, home),
      apart: subject.mailStores,
      searching: tellSearch(context),
      trim: trimFolders,
    }),
    records: books.records,
    audit: books.audit,
    issuer,
    stopWriters: () =>
      Promise.resolve({
        text: 'the lock of the project is held: no other process of this program can work on it',
      }),
    revoke: async ({ name, kind }) => {
      const place = { home, folder, projectId }
      const { revoked, answer, asked } = await giveBack(
        { name, kind },
        place,
        people.operator,
        grantRevokers(),
        context.stop,
      )
      if (asked) {
        const object = auditObject(projectId, name)
        await books.audit.note('token-revoked', revoked ? 'done' : 'failed', object, {})
      }
      return { name, kind, revoked, answer }
    },
    inspectWorkstation: () => inspectFor(context, { slotFolder, folder, state }),
    zone: zoneFacts(clock.now()),
    tool: toolFacts(),
    progress,
  }
}

/** A line every few seconds of a search: one over large folders takes minutes. */
function tellSearch({ clock, output }: CommandContext): (progress: SearchProgress) => void {
  let last = clock.monotonic()
  return ({ path, files, bytes }) => {
    if (clock.monotonic() - last < LINE_MS) return
    last = clock.monotonic()
    output.line(`${' '.repeat(STEP_INDENT)}${counted(files, 'file')}, ${formatSize(bytes)} so far; now ${path}`)
  }
}
