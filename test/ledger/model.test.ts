import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isKind } from '../../src/core/errors.ts'
import type { Claim, Ledger } from '../../src/core/ledger.ts'
import type { MessageState } from '../../src/core/states.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { digestsOf, newRow, REASON } from './fixture.ts'
import { isDelivered, ModelBug, ModelLedger, sameFlags, type ModelRow } from './model.ts'

const KINDS = [
  'list',
  'listAll',
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
  key: fc.nat(7),
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
      fc.property(fc.array(step, { minLength: 20, maxLength: 140, size: 'max' }), (steps) => {
        playAll(steps, reached)
      }),
      { numRuns: 40 },
    )
    // The comparison is worth what the steps reach.
    for (const state of ['landed', 'existing', 'expunged', 'skipped', 'quarantined', 'appending']) {
      expect(reached.get(state), state).toBeGreaterThan(0)
    }
    for (const kind of ['inherited', 'inheritMove', 'reclaim', 'adopt', 'requeue', 'doubt', 'bug']) {
      expect(reached.get(kind), kind).toBeGreaterThan(0)
    }
  })
})

function playAll(steps: readonly Step[], reached: Map<string, number>): void {
  const { model, pairId } = openBoth()
  let last: (target: Pick<Ledger, Played>) => unknown = () => null
  for (const step of steps) {
    const action = step.kind === 'again' ? last : planStep(step, model, pairId)
    if (action === null) continue
    last = action
    const expected = outcomeOf(() => model.atomically(() => action(model)))
    const actual = outcomeOf(() => action(ledger))
    expect(actual, step.kind).toEqual(expected)
    nextId = model.nextId
    const what = actual === true ? 'inherited' : actual === BUG ? BUG : step.kind
    for (const name of [what, ...model.rows.map((row) => row.state)])
      reached.set(name, (reached.get(name) ?? 0) + 1)
    compareAll(model, pairId)
  }
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

type Played = Exclude<keyof ModelLedger & keyof Ledger, 'totals' | 'mailbox' | 'mailboxes'>

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
  const keys = Array.from({ length: step.count }, (_, i) => String(((step.key + i) % 8) + 1))
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
      if (one === undefined) return null
      const old = model.of(one.mailboxId).find((row) => row.waiting && row.digests !== null)
      return (target) => target.inherit(one.id, (step.wild ? null : old?.digests) ?? content)
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
    case 'quarantine':
      return one === undefined ? null : (target) => target.quarantine(one.id, REASON)
    case 'skip':
      return one === undefined ? null : (target) => target.skip(one.id, { ...REASON, serverText: null })
    case 'expunge':
      return (target) => target.expunge([...discovered, ...appending].map((row) => row.id))
    case 'requeue': {
      const ids = choose('quarantined').map((row) => row.id)
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
    case 'again':
      return null
  }
}

function compareAll(model: ModelLedger, pairId: number): void {
  const ids = (rows: readonly { readonly id: number }[]): number[] => rows.map((row) => row.id)
  for (const row of model.rows) {
    const { seen, waiting, ...record } = row
    expect(ledger.message(row.id), `row ${row.id}, seen ${seen}, waiting ${waiting}`).toEqual(record)
  }
  for (const { id, destinationId } of model.mailboxes) {
    const rows = model.of(id)
    expect(ledger.totals({ mailboxId: id })).toEqual(model.totals(id))
    const pending = rows.filter((row) => row.state === 'discovered' && !row.waiting)
    expect(ids(ledger.pending(id, 0, 1000, 1e9))).toEqual(ids(pending))
    expect(ids(ledger.inDoubt(id))).toEqual(ids(rows.filter((row) => row.state === 'appending')))
    expect(ids(ledger.doubted(id))).toEqual(ids(rows.filter((row) => row.doubted)))
    const delivered = rows.filter(isDelivered)
    expect(ids(ledger.delivered(id, 0, 1000))).toEqual(ids(delivered))
    const differing = delivered.filter((row) => !sameFlags(row.flags, row.appliedFlags))
    expect(ids(ledger.flagWork(id, 0, 1000))).toEqual(ids(differing))
    const there = model.rows.filter((row) => model.mailbox(row.mailboxId).destinationId === destinationId)
    const stale = there.filter((row) => model.isStale(row))
    expect(ids(ledger.staleClaims(destinationId, 0, 1000))).toEqual(ids(stale))
    for (const validity of VALIDITIES) compareClaims(destinationId, validity, there)
  }
  const sum = ledger.totals({ pairId })
  expect(sum.source).toBe(model.rows.length)
  const exceptions = model.rows.filter((row) => row.state === 'quarantined' || row.state === 'skipped')
  expect(ids(ledger.exceptions(pairId, 0, 1000))).toEqual(ids(exceptions))
  const unverified = model.rows.filter((row) => isDelivered(row) && row.verifiedAt === null)
  expect(ledger.unverified(pairId)).toBe(unverified.length)
  for (const content of CONTENTS.map(digestsOf)) {
    const moved = model.rows.filter(
      (row) =>
        isDelivered(row) &&
        row.gone &&
        row.destinationKey !== null &&
        row.digests !== null &&
        Buffer.compare(row.digests.matchDigest, content.matchDigest) === 0,
    )
    expect(ids(ledger.moved(pairId, content.matchDigest))).toEqual(ids(moved))
  }
}

function compareClaims(destinationId: number, validity: string, there: readonly ModelRow[]): void {
  const claims = there.filter((row) => row.destinationValidity === validity && row.destinationKey !== null)
  const keys = claims.map((row) => row.destinationKey ?? '')
  expect(new Set(keys).size).toBe(keys.length)
  expect(ledger.unclaimed(destinationId, validity, [...keys, 'free'])).toEqual(['free'])
  for (const row of claims) {
    expect(ledger.claimant(destinationId, validity, row.destinationKey ?? '')?.id).toBe(row.id)
  }
}
