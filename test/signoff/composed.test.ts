import { describe, expect, test } from 'vitest'
import { METHOD_ERASE, type DeletionCertificate } from '../../src/core/certificate.ts'
import { composeCertificate } from '../../src/signoff/compose-certificate.ts'
import {
  evidenceOf,
  type FlushReport,
  type KeyErasure,
  type ProjectFacts,
  type PurgeState,
} from '../../src/signoff/state.ts'
import { useSubject } from './place.ts'
import { portsOf, signOff, toldRecords } from './subject.ts'

const template = useSubject()
let purged: Promise<{ readonly ports: Awaited<ReturnType<typeof portsOf>>; readonly state: PurgeState }> | null =
  null

/** What the certificate would say had the one purge of these tests seen something else. */
async function composed(
  seen: {
    readonly facts?: Partial<ProjectFacts>
    readonly trim?: FlushReport['trim']
    readonly leftOutside?: readonly string[]
    /** Keys that each canary was tried with afterwards. */
    readonly keysTried?: number | undefined
    readonly erasure?: KeyErasure
  } = {},
): Promise<DeletionCertificate> {
  purged ??= (async () => {
    const subject = template.copy()
    const ports = await portsOf(subject, template.operator(), toldRecords())
    const { state } = await signOff(ports, subject, template.operator())
    return { ports, state }
  })()
  const { ports, state } = await purged
  const { 'remove-documents': removal, 'destroy-keys': destruction } = state.steps
  const attempt = state.steps['try-canaries']
  const [flushed, attempts] = [evidenceOf(state, 'remove-documents'), evidenceOf(state, 'try-canaries')]
  if (!removal || !destruction || !attempt || flushed === null || attempts === null) {
    throw new Error('the purge left no evidence')
  }
  const edited: PurgeState = {
    ...state,
    facts: { ...state.facts, ...seen.facts },
    steps: {
      ...state.steps,
      'remove-documents': {
        ...removal,
        evidence: {
          ...flushed,
          trim: seen.trim ?? flushed.trim,
          leftOutside: seen.leftOutside ?? flushed.leftOutside,
        },
      },
      'try-canaries': {
        ...attempt,
        evidence: {
          ...attempts,
          canaries: attempts.canaries.map((canary) => ({
            ...canary,
            keysTried: seen.keysTried ?? canary.keysTried,
          })),
        },
      },
      'destroy-keys': { ...destruction, evidence: seen.erasure ?? destruction.evidence },
    },
  }
  const workstation = await ports.inspectWorkstation()
  const good = ['file-system', 'copy-on-write', 'journal', 'snapshots'].map((code) => ({
    code,
    state: 'good' as const,
    text: `${code} is good`,
  }))
  return composeCertificate(
    { ...ports, inspectWorkstation: () => Promise.resolve({ ...workstation, findings: good }) },
    edited,
  )
}

const risks = ({ residualRisks }: DeletionCertificate): readonly string[] => residualRisks.map(({ code }) => code)

describe('a certificate says', () => {
  test('of each class of objects how it was destroyed, or that there was none', async () => {
    const { objects } = await composed()
    for (const object of objects) {
      const isSealed = ['credentials', 'intake-identity', 'ledger', 'spool'].includes(object.class)
      const method = isSealed ? METHOD_ERASE : 'logical deletion: overwritten once, unlinked'
      expect([object.class, object.method, object.outcome === 'none was there']).toEqual(
        object.count === 0 ? [object.class, 'none needed', true] : [object.class, method, false],
      )
    }
    expect(objects.filter(({ count }) => count === 0).map((object) => object.class)).toEqual([
      'access-tokens',
      'temporary-files',
      'other-state',
      'backups',
    ])
  })

  test('that the slot was found changed only where it was read back', async () => {
    const readBack = 'the slot was overwritten in place, brought to the disk, read back and found changed'
    const whole = await composed()
    expect(whole.sanitization.because).toContain(readBack)
    const erasure = { slot: 'absent', slotBytes: 0, readBackDiffers: null, documents: 0 } as const
    const resumed = await composed({ erasure })
    expect(resumed.sanitization.because).not.toContain(readBack)
    expect(resumed.keys.shredKey).toMatchObject({ readBackDiffers: 'unknown', existedBefore: true })
  })

  test('that backups were handed over only where one was', async () => {
    expect((await composed()).backups).toMatchObject({
      text: expect.stringContaining('none was made') as string,
      handedOver: [],
    })
    const handedOver = [{ file: 'b.age', sha256: 'a'.repeat(64), recipient: 'Eva', at: '2026-01-01T00:00:00Z' }]
    expect((await composed({ facts: { handedOver } })).backups).toMatchObject({
      text: expect.stringContaining('handed over as listed') as string,
      handedOver,
    })
  })

  test('what is a risk, and nothing else', async () => {
    const trimmed = async (state: FlushReport['trim']['state']): Promise<boolean> =>
      risks(await composed({ trim: { state, text: 'told' } })).includes('trim')
    expect([await trimmed('done'), await trimmed('by itself'), await trimmed('not permitted')]).toEqual([
      false,
      false,
      true,
    ])
    const always = risks(await composed())
    for (const code of ['left-outside', 'plaintext-import', 'not-opened', 'mail-stores', 'no-canary'])
      expect(always).not.toContain(code)
    const facts = { plaintextImports: 1, unavailable: 'the shred key is gone', mailStores: ['/mail'] }
    expect(risks(await composed({ facts, leftOutside: ['/list.csv'] }))).toEqual(
      expect.arrayContaining(['plaintext-import', 'not-opened', 'mail-stores', 'left-outside']),
    )
  })

  test('that a canary is a proof only where it was tried with a key', async () => {
    const proofs = async (keysTried?: number): Promise<readonly boolean[]> =>
      (await composed({ keysTried })).verification.canaries.map(({ proven }) => proven)
    expect([await proofs(), await proofs(0)]).toEqual([
      [true, true, true],
      [false, false, false],
    ])
    expect((await composed({ keysTried: 0 })).sanitization.verificationMethod).toMatch(/^partial/)
  })
})
