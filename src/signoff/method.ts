import { METHOD_DELETION, METHOD_ERASE, type DeletionCertificate } from '../core/certificate.ts'
import type { KeyErasure, KeyFacts, Workstation } from './state.ts'

/** Findings that decide whether a key that was overwritten in place is gone from the medium's blocks. */
const DECISIVE = ['file-system', 'copy-on-write', 'journal', 'snapshots']

/**
 * The name of the method. "Cryptographic erase" only where the slot was overwritten on a known file system that neither
 * copies on write nor journals data, and of which no snapshot is known; else what it was: a key was deleted. It never
 * names a Clear or Purge of the medium. `checked`: every check was made, and showed what it should.
 */
export function nameMethod(
  workstation: Workstation,
  keys: KeyFacts,
  erasure: KeyErasure,
  checked: boolean,
): DeletionCertificate['sanitization'] {
  const because: string[] = []
  let allowed = true
  for (const code of DECISIVE) {
    const finding = workstation.findings.find((candidate) => candidate.code === code)
    because.push(finding?.text ?? `${code}: unknown`)
    if (finding?.state !== 'good') allowed = false
  }
  if (!keys.slotExisted) {
    allowed = false
    because.push(
      'the slot of the shred key was not there when the sign-off began; this program did not overwrite it',
    )
  } else if (erasure.slot === 'destroyed' && erasure.readBackDiffers === true) {
    because.push('the slot was overwritten in place, brought to the disk, read back and found changed')
  } else {
    because.push('the slot was overwritten in place before it was removed, by a process that was interrupted')
  }
  return {
    method: allowed ? METHOD_ERASE : METHOD_DELETION,
    because,
    medium:
      'no Clear, Purge or Destroy of the medium is claimed: the workstation stays in service, and what was sanitized is the target data on it',
    scope: 'selected data: everything that this project kept on this workstation',
    verificationMethod: checked
      ? 'full: sealed object classes were tried before and after by canaries of their own, and every place named below was searched whole'
      : 'partial: not every check could be made; the residual risks say which',
  }
}
