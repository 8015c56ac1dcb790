import { SealpostError } from '../../core/errors.ts'

/** The steps of a cutover, in their order: what is typed, and what it means. */
export const STEPS: readonly (readonly [string, string])[] = [
  ['ttl-lowered', 'the TTL of the MX records is low, and the old one has gone by'],
  ['users-told', 'the users know when it is and what changes for them'],
  ['delta-passed', 'a delta pass has just ended: sealpost run --delta'],
  ['mx-changed', 'the MX records name the destination'],
  ['spf-changed', 'SPF, DKIM and DMARC allow what the destination sends'],
  ['forwarding-set', 'the source forwards what still arrives there'],
  ['final-passed', 'the old TTL has gone by, and the final pass has ended: sealpost run --final'],
  ['verified', 'sealpost verify has no open finding'],
  ['clients-changed', 'programs and phones use the destination'],
  ['source-closed', 'nobody logs in at the source any more; nothing there is deleted'],
]

/** The step of this name. Throws `config` for none, with those that there are. */
export function stepNamed(name: string): string {
  if (STEPS.some(([step]) => step === name)) return name
  throw new SealpostError('config', `${name}: a cutover has no such step`, {
    hint: `there are: ${STEPS.map(([step]) => step).join(', ')}`,
    code: 'NO_SUCH_STEP',
  })
}
