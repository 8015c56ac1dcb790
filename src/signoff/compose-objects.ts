import type { CanaryProof, DeletionCertificate, ErasedClass, ObjectClass } from '../core/certificate.ts'
import { evidenceOf, type FileCount, type PurgeState } from './state.ts'

interface ClassWords {
  readonly what: string
  readonly protection: string
  /** Protected by a key that was destroyed; else it was in the clear and is deleted logically. */
  readonly sealed: boolean
}

const WORDS: Readonly<Record<ObjectClass, ClassWords>> = {
  credentials: {
    what: 'credentials of the migration (passwords, tokens, service accounts), as records in one file',
    protection: 'AES-256-GCM under the credential key, each field and the list of them, before the first write',
    sealed: true,
  },
  'intake-identity': {
    what: 'private key to which the client sealed access details',
    protection: 'wrapped under the project key (AES-256-GCM)',
    sealed: true,
  },
  'access-tokens': {
    what: 'access tokens and sessions',
    protection: 'held in memory only',
    sealed: true,
  },
  ledger: {
    what: 'ledger: mailboxes, message keys, digests, states, findings; with its write-ahead log',
    protection: 'encrypted whole (SQLCipher 4: AES-256-CBC and HMAC-SHA-512) under the ledger key',
    sealed: true,
  },
  spool: {
    what: 'temporary copies of messages too large for memory, the canary of this class included',
    protection: 'AES-256-GCM in chunks (Cobblestone-256), a key per object, under the spool key',
    sealed: true,
  },
  logs: { what: 'logs of the project: events, ids and numbers', protection: 'none: no content', sealed: false },
  'temporary-files': {
    what: 'drafts and locks of files, as a killed process leaves them',
    protection: 'sealed like the file that they were drafts of',
    sealed: true,
  },
  'other-state': {
    what: 'other files of the state folder, such as the list of intake pages',
    protection: 'none taken for granted',
    sealed: false,
  },
  reports: {
    what: 'reports for the client; the SHA-256 of each is listed',
    protection: 'none: no content of messages, no secrets',
    sealed: false,
  },
  'project-files': {
    what: 'project settings and list of accounts',
    protection: 'none: no secrets',
    sealed: false,
  },
  backups: {
    what: 'backup files, sealed to keys of the client',
    protection: 'age, to public keys of the client: this workstation can write and not read them',
    sealed: true,
  },
}

/** One line for every class of objects that there can be, also where there was none. */
export function composeObjects(
  state: PurgeState,
  method: DeletionCertificate['sanitization']['method'],
): readonly ErasedClass[] {
  const counts = [
    ...(evidenceOf(state, 'remove-state')?.before ?? []),
    ...(evidenceOf(state, 'remove-documents')?.before ?? []),
  ]
  return (Object.keys(WORDS) as ObjectClass[]).map((kind) => {
    const { what, protection, sealed } = WORDS[kind]
    const { count, bytes } = amountOf(kind, counts, state)
    const gone = count === 0
    return {
      class: kind,
      what,
      count,
      bytes,
      protection,
      method: gone ? 'none needed' : sealed ? method : 'logical deletion: overwritten once, unlinked',
      outcome: gone ? 'none was there' : outcomeOf(kind),
    }
  })
}

/** What the canaries showed, one line an object class. */
export function composeCanaries(state: PurgeState): readonly CanaryProof[] {
  const openings = evidenceOf(state, 'open-canaries')?.openings ?? []
  const attempts = evidenceOf(state, 'try-canaries')?.canaries ?? []
  return (['credential', 'spool', 'ledger'] as const).map((object) => {
    const opening = openings.find((candidate) => candidate.object === object)
    const attempt = attempts.find((candidate) => candidate.object === object)
    return {
      object,
      before: opening?.outcome ?? 'not tried',
      after: attempt?.outcome ?? 'not tried',
      keysTried: attempt?.keysTried ?? 0,
      proven: opening?.outcome === 'opened' && attempt?.outcome === 'refused' && attempt.keysTried > 0,
    }
  })
}

function amountOf(
  kind: ObjectClass,
  counts: readonly FileCount[],
  state: PurgeState,
): { readonly count: number; readonly bytes: number } {
  const files = counts.filter((count) => count.class === kind)
  const bytes = files.reduce((sum, count) => sum + count.bytes, 0)
  switch (kind) {
    case 'credentials':
      return { count: state.facts.credentials.length, bytes }
    case 'intake-identity':
      return { count: state.facts.keys.known ? 1 : 0, bytes: 0 }
    case 'access-tokens':
      return { count: 0, bytes: 0 }
    default:
      return { count: files.reduce((sum, count) => sum + count.files, 0), bytes }
  }
}

function outcomeOf(kind: ObjectClass): string {
  if (kind === 'intake-identity') return 'destroyed with the project key and its wrapped form'
  return 'removed; looked for afterwards and not there'
}
