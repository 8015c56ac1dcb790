import { counted } from '../core/counted.ts'
import type { DeletionCertificate, ResidualRisk } from '../core/certificate.ts'
import { evidenceOf, type PurgeState, type Workstation } from './state.ts'

/**
 * What this deletion could not reach: every finding about the workstation that is not good, what the checks could not
 * look at, and what no program on a workstation can reach. Never empty.
 */
export function listResidualRisks(
  state: PurgeState,
  workstation: Workstation,
  rotate: DeletionCertificate['clientMustRotate'],
): readonly ResidualRisk[] {
  const risks: ResidualRisk[] = workstation.findings.flatMap(({ code, state: found, text }) =>
    found === 'good' ? [] : [{ code, state: found, text }],
  )
  const add = (code: string, kind: ResidualRisk['state'], text: string): void => {
    risks.push({ code, state: kind, text })
  }
  addSearchRisks(state, add)
  const trim = evidenceOf(state, 'remove-documents')?.trim
  if (trim !== undefined && trim.state !== 'done' && trim.state !== 'by itself')
    add('trim', 'unknown', `discarding free blocks: ${trim.text}`)
  const outside = evidenceOf(state, 'remove-documents')?.leftOutside ?? []
  if (outside.length > 0) {
    add(
      'left-outside',
      'adverse',
      `a list of accounts outside of the project folder was left: ${outside.join(', ')}`,
    )
  }
  if (state.facts.plaintextImports > 0) {
    add(
      'plaintext-import',
      'adverse',
      `secrets were taken in from files in the clear ${counted(state.facts.plaintextImports, 'time')}; these lay outside of project and workspace, and what became of them is unknown`,
    )
  }
  if (rotate.some(({ revoked }) => !revoked)) {
    add(
      'not-revoked',
      'inherent',
      'credentials that could not be revoked are good until the client changes them; they are named above',
    )
  }
  if (state.facts.unavailable !== null) {
    add('not-opened', 'adverse', `the project could not be opened before the purge: ${state.facts.unavailable}`)
  }
  add(
    'keystore-copy',
    'inherent',
    'a copy of the whole keystore that was made while the project lived, together with a passphrase, would still open copies of the project made in that time; Sealpost makes none, and marks the slots as not to be backed up',
  )
  add(
    'flash-remnants',
    'inherent',
    'storage may keep old blocks that no program can reach (wear levelling, spare area, a virtual disk below); the shred key was split over 128,000 bytes, all of which are needed to put it together',
  )
  add(
    'plain-documents',
    'inherent',
    'reports and the project files were in the clear (no mail, no secrets); they were overwritten once and unlinked, which is logical deletion',
  )
  add(
    'memory',
    'inherent',
    'passwords were held in memory as text while connections were opened, as libraries ask for it; memory is not written to disk by Sealpost, and is given back when a process ends',
  )
  add(
    'other-systems',
    'inherent',
    'this certificate speaks of this workstation alone: source, destination, and what providers log, are not touched',
  )
  return risks
}

function addSearchRisks(
  state: PurgeState,
  add: (code: string, kind: ResidualRisk['state'], text: string) => void,
): void {
  const search = evidenceOf(state, 'search-secrets')
  if (search === null || !search.done) {
    add('secrets-not-searched', 'adverse', search?.text ?? 'secrets were not searched for')
  } else if (search.notSearchable.length > 0) {
    const names = search.notSearchable.map(({ name, reason }) => `${name} (${reason})`).join(', ')
    add('secrets-not-searchable', 'unknown', `some secrets could not be searched for by value: ${names}`)
  }
  const places = [...(search?.places ?? []), ...(evidenceOf(state, 'scan-canaries')?.places ?? [])]
  const unread = new Set(
    places
      .filter(({ unreadable, state: found }) => unreadable > 0 || found === 'not readable')
      .map(({ path }) => path),
  )
  if (unread.size > 0) {
    add(
      'unreadable-files',
      'unknown',
      `files that this user may not read were not searched, in ${[...unread].join(', ')}`,
    )
  }
  const canaries = evidenceOf(state, 'open-canaries')?.openings ?? []
  const missing = canaries.filter(({ inverted }) => inverted === null).map(({ object }) => object)
  if (missing.length > 0) {
    add('no-canary', 'unknown', `no proof by canary for: ${missing.join(', ')}`)
  }
  if (state.facts.mailStores.length > 0) {
    add(
      'mail-stores',
      'inherent',
      'mail stores that are ends of the migration were neither searched nor touched: they are the mail, not a copy of it',
    )
  }
}
