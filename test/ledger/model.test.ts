import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Digests } from '../../src/core/digest.ts'
import { isKind } from '../../src/core/errors.ts'
import type { Claim, Finding, Ledger, MessageRecord } from '../../src/core/ledger.ts'
import type { MessageState } from '../../src/core/states.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { digestsOf, newRow, REASON } from './fixture.ts'
import { isDelivered, ModelBug, ModelLedger, sameFlags, type ModelRow } from './model.ts'

const KINDS = [
  'list',
  'listAll',
  'leaveOut',
  'setSourceFlags',
  'markPresent',
  'markGone',
  'beginEpoch',
  'endEpochs',
  'inherit',
  'intend',
  'doubt',
  'land',
  'landKeyless',
  'revert',
  'quarantine',
  'skip',
  'expunge',
  'requeue',
  'requeueAll',
  'setValidity',
  'reclaim',
  'adopt',
  'inheritMove',
  'setAppliedFlags',
  'setVerified',
  'putBack',
  'exclude',
  'again',
] as const

/** What happens more often in a life of a ledger happens more often here. */
const WEIGHTS: Partial<Record<(typeof KINDS)[number], number>> = {
  list: 4,
  intend: 6,
  land: 6,
  inherit: 4,
  adopt: 2,
}

interface Step {
  readonly kind: (typeof KINDS)[number]
  readonly mailbox: number
  /** Chooses rows; `wild` among all of them, so that most transitions are wrong. */
  readonly choice: number
  readonly count: number
  readonly wild: boolean
  readonly key: number
  readonly flag: number
  readonly validity: number
}

const FLAG_SETS = [[], ['\\Seen'], ['\\flagged', 'Work'], ['\\Seen', '\\Deleted', 'a b%']]
const VALIDITIES = ['A', 'B']
const CONTENTS = ['one', 'two', 'three and more']

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(...KINDS.map((kind) => ({ arbitrary: fc.constant(kind), weight: WEIGHTS[kind] ?? 1 }))),
  mailbox: fc.nat(2),
  choice: fc.nat(1000),
  count: fc.integer({ min: 1, max: 3 }),
  wild: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  key: fc.nat(19),
  flag: fc.nat(3),
  validity: fc.nat(1),
})

let folder: string
let ledger: Ledger
let pairs = 0
/** Ids are never used again, not even by another run. */
let nextId = 1

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-model-'))
  ledger = openLedger(join(folder, 'ledger.db'), randomBytes(32))
})

afterAll(() => {
  ledger.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the ledger and a naive model of it', () => {
  it('agree after any operations, right and wrong ones', () => {
    const reached = new Map<string, number>()
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 160, size: 'max' }), (steps) => {
        playAll(steps, reached)
      }),
      { numRuns: 25 },
    )
    // The comparison is worth what the steps reach.
    for (const state of ['landed', 'existing', 'expunged', 'skipped', 'quarantined', 'appending']) {
      expect(reached.get(state), state).toBeGreaterThan(0)
    }
    const kinds = [
      'inherit',
      'reclaim',
      'adopt',
      'requeue',
      'doubt',
      'revert',
      'put back',
      'exclude',
      'forgotten',
      'bug',
    ]
    for (const kind of kinds) {
      expect(reached.get(kind), kind).toBeGreaterThan(0)
    }
  }, 180_000)
})

function playAll(steps: readonly Step[], reached: Map<string, number>): void {
  const { model, pairId } = openBoth()
  let last: (target: Pick<Ledger, Played>) => unknown = () => null
  for (const [i, step] of steps.entries()) {
    const action = step.kind === 'again' ? last : planStep(step, model, pairId)
    if (action === null) continue
    last = action
    const expected = outcomeOf(() => model.atomically(() => action(model)))
    const actual = outcomeOf(() => action(ledger))
    if (actual !== expected) expect(actual, step.kind).toEqual(expected)
    nextId = model.nextId
    if (step.kind === 'putBack' && Number(actual) > 0) reached.set('put back', 1)
    if (model.mailboxes.length < 3) reached.set('forgotten', 1)
    const what = actual === true ? 'inherited' : actual === BUG ? BUG : step.kind
    for (const name of [what, ...model.rows.map((row) => row.state)])
      reached.set(name, (reached.get(name) ?? 0) + 1)
    if (i % 4 === 0) compareAll(model, pairId)
  }
  compareAll(model, pairId)
}

function openBoth(): { readonly model: ModelLedger; readonly pairId: number } {
  const name = `pair-${++pairs}`
  const pairId = ledger.openPair(name, name).id
  // Two source mailboxes lead to one.
  const records = ['Inbox', 'Old', 'Sent'].map((path) =>
    ledger.openMailbox(pairId, [path], null, [path === 'Old' ? 'Inbox' : path]),
  )
  const mailboxes = records.map(({ id, destination }) => ({
    id,
    pairId,
    destinationId: destination.id,
    epoch: 0,
    listing: 0,
  }))
  return { model: new ModelLedger(mailboxes, nextId), pairId }
}

const BUG = 'bug'

function outcomeOf(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    if (error instanceof ModelBug || isKind(error, 'bug')) return BUG
    throw error
  }
}

type Played = Exclude<keyof ModelLedger & keyof Ledger, 'totals' | 'mailbox' | 'mailboxes' | 'fidelity'>

/** Null when there is nothing that the step could be done to. */
function planStep(
  step: Step,
  model: ModelLedger,
  pairId: number,
): ((target: Pick<Ledger, Played>) => unknown) | null {
  const mailbox = model.mailboxes[step.mailbox]
  if (mailbox === undefined) return null
  const { id: mailboxId, destinationId, listing } = mailbox
  const choose = (...states: readonly MessageState[]): readonly ModelRow[] => {
    const fitting = model.rows.filter((row) => step.wild || states.includes(row.state))
    const start = fitting.length === 0 ? 0 : step.choice % fitting.length
    return fitting.slice(start, start + step.count)
  }
  const flags = FLAG_SETS[step.flag] ?? []
  const validity = VALIDITIES[step.validity] ?? 'A'
  const content = digestsOf(CONTENTS[step.key % CONTENTS.length] ?? '')
  const keys = Array.from({ length: step.count }, (_, i) => String(((step.key + i) % 20) + 1))
  const claimsOf = (rows: readonly ModelRow[]): readonly Claim[] =>
    rows.map((row, i) => ({ id: row.id, key: String(step.choice + i), validity: step.wild ? null : validity }))

  const discovered = choose('discovered')
  const [one] = discovered
  const appending = choose('appending')
  const landed = choose('landed', 'existing')
  switch (step.kind) {
    case 'list': {
      const skip = step.flag === 3 ? REASON : null
      const rows = keys.map((key) => newRow(key, flags, skip))
      return (target) => target.addListed(mailboxId, target.beginListing(mailboxId), rows)
    }
    case 'listAll':
      return (target) => {
        const begun = target.beginListing(mailboxId)
        target.addListed(
          mailboxId,
          begun,
          keys.map((key) => newRow(key)),
        )
        target.endListing(mailboxId, begun, 'cursor', !step.wild)
      }
    case 'leaveOut':
      return listing === 0
        ? null
        : (target) =>
            target.leaveOut(
              mailboxId,
              listing,
              keys.map((key) => newRow(key, flags).listed),
            )
    case 'setSourceFlags':
      return (target) =>
        target.setSourceFlags(
          mailboxId,
          keys.map((key) => ({ key, flags })),
        )
    case 'markPresent':
      return listing === 0 ? null : (target) => target.markPresent(mailboxId, listing, keys)
    case 'markGone':
      if (landed[0] === undefined || step.wild) return (target) => target.markGone(mailboxId, keys)
      return (target) =>
        target.markGone(
          landed[0]?.mailboxId ?? 0,
          landed.map((row) => row.key),
        )
    case 'beginEpoch':
      return (target) => target.beginEpoch(mailboxId)
    case 'endEpochs':
      return (target) => target.endEpochs(mailboxId)
    case 'inherit': {
      const old = model.rows.find((row) => row.waiting && row.digests !== null)
      const fresh = model.rows.find(
        (row) => row.mailboxId === old?.mailboxId && row.state === 'discovered' && !row.waiting,
      )
      const id = fresh !== undefined && !step.wild ? fresh.id : one?.id
      return id === undefined ? null : (target) => target.inherit(id, old?.digests ?? content)
    }
    case 'intend': {
      const position = { validity, next: String(step.key) }
      const items = discovered.map((row) => ({
        id: row.id,
        digests: content,
        messageId: step.key === 0 ? null : `${step.key}@x`,
        appliedFlags: flags,
      }))
      return (target) => target.intend(items, position)
    }
    case 'doubt':
      return (target) => target.doubt(appending.map((row) => row.id))
    case 'land':
      return (target) => target.land(claimsOf(appending))
    case 'landKeyless':
      return (target) => target.land(appending.map((row) => ({ id: row.id, key: null, validity: null })))
    case 'revert':
      return (target) => target.revert(appending.map((row) => row.id))
    case 'quarantine': {
      const row = step.flag < 2 ? one : appending[0]
      const reason = step.key % 2 === 0 ? REASON : { ...REASON, code: 'mailbox-refused' }
      return row === undefined ? null : (target) => target.quarantine(row.id, reason)
    }
    case 'skip':
      return one === undefined
        ? null
        : (target) =>
            target.skip(one.id, { ...REASON, code: step.flag < 2 ? 'too-large' : 'excluded', serverText: null })
    case 'expunge':
      return (target) => target.expunge((step.flag === 0 ? discovered : appending).map((row) => row.id))
    case 'requeue': {
      const ids = choose('quarantined', 'skipped').map((row) => row.id)
      return (target) => target.requeue(pairId, ids)
    }
    case 'requeueAll':
      return (target) => target.requeue(pairId, null)
    case 'setValidity':
      return (target) => target.setValidity(destinationId, validity)
    case 'reclaim': {
      const claims = claimsOf(landed).map((claim) => (step.flag === 0 ? { ...claim, key: null } : claim))
      return (target) => target.reclaim(claims)
    }
    case 'adopt': {
      const adoptions = discovered.map((row, i) => ({
        id: row.id,
        key: String(step.choice + i),
        digests: content,
        messageId: null,
        appliedFlags: flags,
      }))
      return (target) => target.adopt(destinationId, validity, adoptions)
    }
    case 'inheritMove': {
      const from = model.rows.filter((row) => isDelivered(row) && (step.wild || row.gone))[0]
      if (one === undefined || from === undefined || from.id === one.id) return null
      const claim = { id: one.id, key: step.flag === 0 ? null : String(step.choice), validity }
      return (target) => target.inheritMove(one.id, from.id, content, claim)
    }
    case 'setAppliedFlags':
      return (target) => target.setAppliedFlags(landed.map((row) => ({ id: row.id, flags })))
    case 'setVerified':
      return (target) =>
        target.setVerified(
          landed.map((row) => row.id),
          1_700_000_000_000,
        )
    case 'putBack': {
      const found = step.flag < 2 ? 'open' : 'removed-after-check'
      const missing = landed.filter((row) => row.mailboxId === mailboxId && isDelivered(row))
      const ids = missing.map((row) => row.id)
      const findings = missing.map((row): Finding => ({
        ...MISSING,
        class: found,
        pairId,
        mailboxId,
        messageId: row.id,
      }))
      return (target) => {
        // First what may be a mistake: nothing else must have been written then.
        target.setFidelity(ids, step.wild ? 'altered' : 'missing')
        target.replaceFindings(mailboxId, 'verify', findings)
        return target.putBack(mailboxId, step.key === 0 ? 'removed-after-check' : found)
      }
    }
    case 'exclude':
      return step.flag === 0 ? (target) => target.exclude(mailboxId, 'cursor') : null
    case 'again':
      return null
  }
}

/** Says what differs only when something does: the assertion library is slow on what is equal. */
function compareAll(model: ModelLedger, pairId: number): void {
  const expected = lookAtModel(model)
  const actual = lookAtLedger(model, pairId)
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected)
}

/** Everything that can be asked, in one object. */
function lookAtLedger(model: ModelLedger, pairId: number): unknown {
  const { validities, keys, contents } = QUESTIONS
  return {
    rows: model.rows.map((row) => ledger.message(row.id)),
    mailboxes: model.mailboxes.map(({ id, destinationId }) => ({
      totals: { ...ledger.totals({ mailboxId: id }) },
      pending: ids(ledger.pending(id, 0, 1000, 1e9)),
      inDoubt: ids(ledger.inDoubt(id)),
      doubted: ids(ledger.doubted(id)),
      delivered: ids(ledger.delivered(id, 0, 1000)),
      flagWork: ids(ledger.flagWork(id, 0, 1000)),
      stale: ids(ledger.staleClaims(destinationId, 0, 1000)),
      claimed: validities.map((validity) =>
        keys(model).map((key) => ledger.claimant(destinationId, validity, key)?.id ?? null),
      ),
      unclaimed: validities.map((validity) => ledger.unclaimed(destinationId, validity, keys(model))),
    })),
    missing: ledger
      .findings(pairId)
      .map(({ mailboxId, class: found, messageId }) => [mailboxId, found, messageId]),
    source: ledger.totals({ pairId }).source,
    exceptions: ids(ledger.exceptions(pairId, 0, 1000)),
    unverified: ledger.unverified(pairId),
    moved: contents.map((content) => ids(ledger.moved(pairId, content.matchDigest))),
  }
}

function lookAtModel(model: ModelLedger): unknown {
  const { validities, keys, contents } = QUESTIONS
  return {
    rows: model.rows.map((row) => toRecord(row)),
    mailboxes: model.mailboxes.map(({ id, destinationId }) => {
      const rows = model.of(id)
      const delivered = rows.filter(isDelivered)
      const there = model.rows.filter((row) => model.mailbox(row.mailboxId).destinationId === destinationId)
      const holders = validities.map((validity) =>
        keys(model).map((key) =>
          there.filter((row) => row.destinationValidity === validity && row.destinationKey === key),
        ),
      )
      return {
        totals: { ...model.totals(id) },
        pending: ids(rows.filter((row) => row.state === 'discovered' && !row.waiting)),
        inDoubt: ids(rows.filter((row) => row.state === 'appending')),
        doubted: ids(rows.filter((row) => row.doubted)),
        delivered: ids(delivered),
        flagWork: ids(delivered.filter((row) => !sameFlags(row.flags, row.appliedFlags))),
        stale: ids(there.filter((row) => model.isStale(row))),
        // More than one holder of a key would differ from what the ledger can say.
        claimed: holders
          .map((list) => list.map((rows) => (rows.length === 0 ? null : ids(rows).join('+'))))
          .map(numbers),
        unclaimed: holders.map((list) => keys(model).filter((_, i) => list[i]?.length === 0)),
      }
    }),
    missing: model.missing.map(({ mailboxId, class: found, rowId }) => [mailboxId, found, rowId]),
    source: model.rows.length,
    exceptions: ids(model.rows.filter((row) => row.state === 'quarantined' || row.state === 'skipped')),
    unverified: model.rows.filter((row) => isDelivered(row) && row.verifiedAt === null).length,
    moved: contents.map((content) =>
      ids(
        model.rows.filter(
          (row) => isDelivered(row) && row.gone && row.destinationKey !== null && holds(row, content),
        ),
      ),
    ),
  }
}

const MISSING = {
  check: 'missing',
  sourceKey: null,
  destinationKey: null,
  expected: 'one copy',
  actual: 'none found',
  rule: null,
}

const QUESTIONS = {
  validities: VALIDITIES,
  contents: CONTENTS.map(digestsOf),
  /** Every key that a row has, and one that none has. */
  keys: (model: ModelLedger): readonly string[] => [
    ...new Set(model.rows.map((row) => row.destinationKey ?? 'free')).add('free'),
  ],
}

function toRecord(row: ModelRow): MessageRecord {
  const record: Partial<ModelRow> & MessageRecord = { ...row }
  delete record.seen
  delete record.waiting
  return record
}

function holds(row: ModelRow, content: Digests): boolean {
  return row.digests !== null && Buffer.compare(row.digests.matchDigest, content.matchDigest) === 0
}

function ids(rows: readonly { readonly id: number }[]): number[] {
  return rows.map((row) => row.id)
}

function numbers(list: readonly (string | null)[]): (number | null)[] {
  return list.map((text) => (text === null ? null : Number(text)))
}
