import type { AuditEvidence, AuditFinding, AuditVerification, KnownHead } from '../core/audit.ts'
import { isKind } from '../core/errors.ts'
import { checkCommitments, checkContent, lastOf } from './audit-content.ts'
import { isOriginOf, readCheckpoints, readHead, type AuditFolder } from './audit-folder.ts'
import type { AuditHead } from './audit-head.ts'
import { damage, placeLines, type Placed } from './audit-places.ts'
import { scanLog, scanRows, type ScannedLine } from './audit-scan.ts'
import { checkTree } from './audit-tree.ts'
import { parseCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { parseVerifierKey, UNKNOWN_KEY } from './signed-note.ts'

/** No evidence from outside: finds whatever the log itself can tell. */
export const NO_EVIDENCE: AuditEvidence = { heads: [], keys: [], opener: null }

/**
 * Verifies a log whose files nobody changes meanwhile (under the lock, or a copy). Damage is returned, not thrown.
 *
 * What the files alone cannot tell: a log whose head, hashes and entries were all made anew, or that was put back as a
 * whole to an earlier state. That takes a head from outside.
 */
export async function verifyLog(
  files: AuditFolder,
  origin: string,
  evidence: AuditEvidence,
): Promise<AuditVerification> {
  const lines = await scanLog(files)
  const { head, findings: headFindings } = await inspectHead(files, origin, lines)
  const placed = placeLines(lines, head)
  const actual = head?.origin ?? origin
  const kept = await believeCheckpoints(files, actual, evidence.keys, placed)
  const known = [...evidence.heads, ...kept.heads].filter((one) => one.origin === actual)
  const tree = checkTree(placed, head, known)
  const rows = await scanRows(files)
  const findings = [
    ...headFindings,
    ...placed.findings,
    ...tree.findings,
    ...kept.findings,
    ...judgeForeign(evidence.heads, actual, origin),
    ...checkContent(placed, tree.believed, rows, head),
  ]
  if (evidence.opener !== null) {
    findings.push(...(await checkCommitments(files, placed, tree.believed, evidence.opener)))
  }
  if (findings.length === 0 && head !== null && lengthOf(lines) !== head.logBytes) {
    findings.push(damage('head-damaged', 0, lastOf(placed), 'the head has another length for the log'))
  }
  return {
    intact: findings.every(({ severity }) => severity === 'note'),
    origin: actual,
    size: placed.size,
    root: tree.root,
    findings: sortFindings(findings),
    compared: known.length,
  }
}

/** The head if it can be used, and what is wrong with it. */
async function inspectHead(
  files: AuditFolder,
  origin: string,
  lines: readonly ScannedLine[],
): Promise<{ readonly head: AuditHead | null; readonly findings: readonly AuditFinding[] }> {
  const all = (text: string): readonly AuditFinding[] => [
    damage('head-damaged', 0, Math.max(0, lines.length - 1), text),
  ]
  try {
    const head = await readHead(files)
    if (head === null) return { head, findings: lines.length > 0 ? all('the head file is missing') : [] }
    return { head, findings: isOriginOf(head.origin, origin) ? [] : all('the head is that of another log') }
  } catch (error) {
    if (!isKind(error, 'corrupt')) throw error
    return { head: null, findings: all('the head file is damaged') }
  }
}

/** The checkpoints beside the log that a trusted key signed. */
async function believeCheckpoints(
  files: AuditFolder,
  origin: string,
  keys: readonly string[],
  placed: Placed,
): Promise<{ readonly heads: readonly KnownHead[]; readonly findings: readonly AuditFinding[] }> {
  const heads: KnownHead[] = []
  const findings: AuditFinding[] = []
  const trusted = new Set(keys.map((key) => parseVerifierKey(key).name))
  for (const note of await readCheckpoints(files)) {
    try {
      if (note === null) throw new Error('not a note')
      parseCheckpoint(note)
      if (trusted.size > 0) heads.push(verifyCheckpoint(note, origin, keys))
    } catch (error) {
      // Somebody else's signature is no damage: the keys of operators who left are not given any more.
      if (isKind(error, 'corrupt') && error.code === UNKNOWN_KEY) continue
      const text = 'a checkpoint kept beside the log is damaged'
      findings.push(damage('checkpoint-unusable', 0, lastOf(placed), text))
    }
  }
  return { heads, findings }
}

/** Heads of other logs prove nothing of this one; those of the log before this one are no fault. */
function judgeForeign(heads: readonly KnownHead[], actual: string, origin: string): readonly AuditFinding[] {
  const foreign = [...new Set(heads.map((head) => head.origin))].filter((one) => one !== actual)
  return foreign.map((one) => {
    const text = `a checkpoint given is of the log ${one}, and this is ${actual}`
    const severity = isOriginOf(one, origin) ? 'note' : 'damage'
    return { kind: 'checkpoint-unusable', severity, from: 0, to: 0, text }
  })
}

function lengthOf(lines: readonly ScannedLine[]): number {
  return lines.reduce((sum, { length }) => sum + length, 0)
}

function sortFindings(findings: readonly AuditFinding[]): readonly AuditFinding[] {
  return [...findings].sort((a, b) => a.from - b.from || a.to - b.to)
}
