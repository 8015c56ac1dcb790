import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkCertificate } from '../../src/cli/signoff/certificate-check.ts'
import type { DeletionCertificate } from '../../src/core/certificate.ts'
import { PURGE_STEPS, type PurgeState } from '../../src/signoff/state.ts'
import { isLong } from '../long.ts'
import { validate, type Schema } from './json-schema.ts'
import { DURABLE, Killed, withKiller, type KillPoint } from './killer.ts'
import { filesBelow, useSubject } from './place.ts'
import { certificatePath, portsOf, readCertificate, signOff, toldRecords, type Subject } from './subject.ts'

const template = useSubject()
const SCHEMA = JSON.parse(
  readFileSync(new URL('../../docs/schemas/deletion-certificate.schema.json', import.meta.url), 'utf8'),
) as Schema
/** `npm run test:damage` kills after each of its calls; `npm test` after every third. */
const STRIDE = isLong('damage') ? 1 : 6
/** More than any purge here takes. */
const MAX_CALLS = 400

interface Attempt {
  /** Where it died; null when it came to its end. */
  readonly died: string | null
  readonly journal: PurgeState | null
  readonly calls: number
}

async function attempt(subject: Subject, point: KillPoint): Promise<Attempt> {
  const ports = await portsOf(subject, template.operator(), toldRecords())
  const killer = withKiller(ports, point)
  try {
    await signOff(killer.ports, subject, template.operator())
  } catch (error) {
    if (killer.struck() === null) throw error
    // The purge may wrap what killed it, and never hides it.
    if (!(error instanceof Killed) && !(error instanceof Error && error.cause instanceof Killed)) throw error
  }
  return { died: killer.struck(), journal: await ports.journal.read(), calls: killer.calls() }
}

/** What must be equal whatever happened on the way: all but times, counts of what a search met, and the story itself. */
function essence(certificate: DeletionCertificate): unknown {
  const { keys, verification, sanitization, objects, ...rest } = certificate
  const { clientMustRotate, delivery, statements, documentsRemoved, retained, signing, media, environment } = rest
  return {
    method: sanitization.method,
    commitments: keys.commitments,
    shredKey: { existed: keys.shredKey.existedBefore, removed: keys.shredKey.removed },
    wrapped: [keys.wrappedKeysDestroyed, keys.documentsDestroyed],
    canaries: verification.canaries,
    search: [verification.secretSearch.done, verification.secretSearch.secrets],
    objects,
    others: { clientMustRotate, delivery, statements, documentsRemoved, retained, signing, media, environment },
    risks: rest.residualRisks,
    steps: rest.process.steps.map(({ step }) => step),
  }
}

function stateOf(subject: Subject): unknown {
  return { project: filesBelow(subject.folder), workspace: filesBelow(subject.home) }
}

function certificateOf(subject: Subject): DeletionCertificate {
  return readCertificate(readFileSync(certificatePath(subject)))
}

describe('a purge that is killed', () => {
  test('after anything that it left ends in the same state when it is taken up again, and the certificate says so', async () => {
    const reference = template.copy()
    const whole = await attempt(reference, { call: MAX_CALLS, when: 'after', counted: DURABLE })
    expect(whole).toMatchObject({ died: null, journal: null })
    expect(whole.calls).toBeGreaterThan(30)
    const expected = { state: stateOf(reference), essence: essence(certificateOf(reference)) }
    const steps = new Set<string>()

    for (let call = 1; call <= whole.calls; call += STRIDE) {
      const subject = template.copy()
      const killed = await attempt(subject, { call, when: 'after', counted: DURABLE })
      const where = `call ${call}, ${killed.died ?? 'none'}`
      expect(killed.died, where).not.toBeNull()
      const issued = existsSync(certificatePath(subject))
      // The journal goes as the very last thing: then there is nothing to take up, and the purge was whole.
      if (killed.journal === null) expect(killed.died).toBe('journal.remove')
      else expect((await attempt(subject, { call: MAX_CALLS, when: 'after' })).died, where).toBeNull()
      expect(stateOf(subject), where).toEqual(expected.state)
      const certificate = certificateOf(subject)
      expect(essence(certificate), where).toEqual(expected.essence)
      expect(validate(SCHEMA, certificate), where).toEqual([])
      expect((await checkCertificate(certificatePath(subject), null)).faults, where).toEqual([])
      const resumed = certificate.process.resumptions
      // A certificate that was in place already stays as it is, to the byte.
      expect(resumed, where).toHaveLength(issued ? 0 : 1)
      if (!issued) steps.add(resumed[0]?.step ?? '')
    }
    expect([...PURGE_STEPS]).toEqual(expect.arrayContaining([...steps]))
    expect(steps.size).toBeGreaterThan(STRIDE === 1 ? PURGE_STEPS.length - 1 : PURGE_STEPS.length / 5)
  }, 300_000)

  test('before it has written anything has not begun', async () => {
    const subject = template.copy()
    const killed = await attempt(subject, { call: 1, when: 'before', counted: DURABLE })
    expect(killed).toMatchObject({ died: 'journal.write', journal: null })
    expect((await attempt(subject, { call: MAX_CALLS, when: 'after' })).died).toBeNull()
    expect(certificateOf(subject).process.resumptions).toEqual([])
  })

  test('again and again still comes to its end, and every time is on record', async () => {
    const subject = template.copy()
    let deaths = 0
    for (let call = 3; call < MAX_CALLS; call += 2) {
      const { died, journal } = await attempt(subject, { call, when: call % 4 === 1 ? 'before' : 'after' })
      if (died === null) break
      if (journal !== null && !existsSync(certificatePath(subject))) deaths++
      expect(deaths).toBeLessThan(50)
    }
    const { process, verification } = certificateOf(subject)
    expect(deaths).toBeGreaterThan(5)
    expect(process.resumptions).toHaveLength(deaths)
    expect(verification.canaries.every(({ proven }) => proven)).toBe(true)
    expect((await checkCertificate(certificatePath(subject), null)).good).toBe(true)
  })
})
