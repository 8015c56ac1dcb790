import { counted } from '../core/counted.ts'
import { isKind, SealpostError } from '../core/errors.ts'
import { composeCertificate } from './compose-certificate.ts'
import { needlesOf, whyNotSearchable, type Needle } from './needles.ts'
import type { OpenedVault, PurgePorts } from './ports.ts'
import {
  evidenceOf,
  type CanaryOpening,
  type FileCount,
  type PurgeState,
  type PurgeStep,
  type RemovedDocument,
  type SearchReport,
  type SecretSearch,
  type StepEvidence,
} from './state.ts'

/** What one process holds between steps, and the next one must open anew. */
export interface PurgeMemory {
  opened: OpenedVault | null
  /** Why it cannot be opened. */
  unavailable: string | null
}

/** Where something was found that must be nowhere: the cause of the error that says so. */
export class SearchHits {
  readonly hits: SearchReport['hits']

  constructor(hits: SearchReport['hits']) {
    this.hits = hits
  }
}

/** How one step is done. */
interface StepAction<S extends PurgeStep> {
  /** Counts what is there, before the first attempt changes anything. */
  readonly count?: (state: PurgeState) => Promise<unknown>
  readonly run: (state: PurgeState) => Promise<StepEvidence[S]>
}

/** How each step is done. */
export type StepActions = { readonly [S in PurgeStep]: StepAction<S> }

/** The steps of a purge over its ports. Each may be run again after a kill at any point of it. */
export function createSteps(ports: PurgePorts, memory: PurgeMemory, signal: AbortSignal): StepActions {
  /** The vault; null where it cannot be opened any more, which only an abandoned project gets past the gate with. */
  const openVault = async (): Promise<OpenedVault | null> => {
    if (memory.opened !== null || memory.unavailable !== null) return memory.opened
    try {
      memory.opened = await ports.vault.open()
    } catch (error) {
      if (!isKind(error, 'locked', 'corrupt', 'config')) throw error
      memory.unavailable = error.message
    }
    return memory.opened
  }

  return {
    'stop-writers': { run: () => ports.stopWriters() },

    'revoke-grants': {
      run: async (state) => {
        const answers = []
        for (const credential of state.facts.credentials) answers.push(await ports.revoke(credential))
        return { answers }
      },
    },

    'search-secrets': {
      run: async () => {
        const vault = await openVault()
        if (vault === null) return notSearched(memory.unavailable ?? 'the keys could not be opened')
        return searchSecrets(ports, vault, signal)
      },
    },

    'open-canaries': {
      run: async () => {
        const vault = await openVault()
        if (vault !== null) return { openings: await vault.openCanaries() }
        const outcome = `not opened: ${memory.unavailable ?? 'the keys could not be opened'}`
        const objects = ['credential', 'spool', 'ledger'] as const
        return { openings: objects.map((object) => ({ object, outcome, inverted: null })) }
      },
    },

    'destroy-keys': {
      run: async () => {
        memory.opened?.close()
        memory.opened = null
        return ports.vault.destroy()
      },
    },

    'try-canaries': {
      run: async () => {
        const attempts = await ports.vault.tryCanaries()
        if (!attempts.project.opened && attempts.canaries.every(({ opened }) => opened === 0)) return attempts
        throw new SealpostError('corrupt', 'something of the project still opens after its keys were destroyed', {
          hint: 'do not go on: keep this machine as it is and report it',
        })
      },
    },

    'remove-state': {
      count: () => ports.files.countState(),
      run: async (state) => {
        await ports.files.removeState()
        return { before: countsOf(state, 'remove-state') }
      },
    },

    flush: { run: () => ports.files.flush() },

    'scan-canaries': {
      run: async (state) => {
        const canaries = (evidenceOf(state, 'open-canaries')?.openings ?? []).filter(
          (opening) => opening.inverted !== null,
        )
        const report = await ports.files.search(canaries.flatMap(canaryNeedles), signal)
        refuseHits(
          report,
          'canary',
          'it was written in the clear, which must never happen: keep the file for a report',
        )
        const text =
          canaries.length === 0
            ? 'no canary was planted or could be opened, so none could be searched for'
            : `${counted(canaries.length, 'canary was', 'canaries were')} searched for in every file of the places below and found nowhere`
        return { ...report, done: canaries.length > 0, text, canaries: canaries.length }
      },
    },

    'remove-documents': {
      count: () => ports.files.countDocuments(),
      run: async (state) => {
        const counted = state.steps['remove-documents']?.before as {
          readonly before: readonly FileCount[]
          readonly documents: readonly RemovedDocument[]
          readonly leftOutside: readonly string[]
        }
        await ports.files.removeDocuments()
        const { trim } = await ports.files.flush()
        return { ...counted, trim }
      },
    },

    'write-record': { run: async (state) => ({ retained: await ports.records.write(state) }) },

    'issue-certificate': {
      run: async (state) => {
        // Issued, and killed before that was noted: the folder appears whole or not at all.
        const earlier = await ports.issuer.issued()
        const issued =
          earlier?.id === state.certificateId
            ? earlier
            : await ports.issuer.issue(await composeCertificate(ports, state), state)
        await ports.audit.note('certificate-issued', 'done', issued.id, { sha256: issued.sha256 })
        return { id: issued.id, sha256: issued.sha256 }
      },
    },
  }
}

/** Searches for every secret, from memory, before the keys go. Throws `policy` when one is found. */
async function searchSecrets(ports: PurgePorts, vault: OpenedVault, signal: AbortSignal): Promise<SecretSearch> {
  const notSearchable: { name: string; reason: string }[] = []
  const needles: Needle[] = []
  try {
    for (const { name, bytes } of vault.secrets) {
      const reason = whyNotSearchable(bytes)
      if (reason === null) needles.push(...needlesOf(name, bytes))
      else notSearchable.push({ name, reason })
    }
    const secrets = vault.secrets.length - notSearchable.length
    const report = await ports.files.search(needles, signal)
    refuseHits(
      report,
      'secret',
      'remove the file, or what it holds of it; a credential that lay in the clear should be changed',
    )
    const text = `${counted(secrets, 'secret')}, in ${counted(needles.length, 'form')}, ${secrets === 1 ? 'was' : 'were'} searched for by value in every file of the places below, before the keys were destroyed; none was found`
    return { ...report, done: true, text, secrets, notSearchable }
  } finally {
    for (const { bytes } of needles) bytes.fill(0)
  }
}

function notSearched(reason: string): SecretSearch {
  return {
    places: [],
    hits: [],
    done: false,
    text: `secrets could not be searched for: ${reason}`,
    secrets: 0,
    notSearchable: [],
  }
}

function refuseHits(report: SearchReport, what: 'secret' | 'canary', hint: string): void {
  if (report.hits.length === 0) return
  const shown = report.hits.slice(0, 10).map(({ path, name, form }) => `${path} (${name}, ${form})`)
  const more = report.hits.length > shown.length ? ` and ${report.hits.length - shown.length} more` : ''
  const found = what === 'secret' ? 'secrets were found in the clear' : 'canaries were found in the clear'
  throw new SealpostError('policy', `${found}: ${shown.join('; ')}${more}`, {
    hint: `${hint}; then run sealpost signoff again`,
    code: what === 'secret' ? 'SECRET_FOUND' : 'CANARY_FOUND',
    cause: new SearchHits(report.hits),
  })
}

/** A canary is 16 random bytes, planted as text in hex; the journal has them inverted. */
function canaryNeedles(opening: CanaryOpening): readonly Needle[] {
  const bytes = Buffer.from(opening.inverted ?? '', 'hex').map((byte) => byte ^ 0xff)
  return needlesOf(`canary of the ${opening.object}`, Buffer.from(bytes)).concat(
    needlesOf(`canary of the ${opening.object}`, Buffer.from(Buffer.from(bytes).toString('hex'), 'latin1')),
  )
}

function countsOf(state: PurgeState, step: PurgeStep): readonly FileCount[] {
  return (state.steps[step]?.before ?? []) as readonly FileCount[]
}
