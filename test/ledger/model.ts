import type { Digests } from '../../src/core/digest.ts'
import type {
  Adoption,
  Claim,
  Finding,
  FindingClass,
  Intent,
  Ledger,
  MessageRecord,
  NewRow,
  Reason,
} from '../../src/core/ledger.ts'
import { normalizeFlags, type FlagState, type Listed } from '../../src/core/mail.ts'
import type { Position } from '../../src/core/connector.ts'
import type { Fidelity, Totals } from '../../src/core/states.ts'

type Mutable<T> = { -readonly [P in keyof T]: T[P] }

/** A row of the model: a record and the two things that a record does not show. */
export type ModelRow = Mutable<MessageRecord> & { seen: number; waiting: boolean }

export interface ModelMailbox {
  readonly id: number
  readonly pairId: number
  readonly destinationId: number
  epoch: number
  listing: number
}

/** What the model throws where the ledger throws `bug`. */
export class ModelBug extends Error {}

type Covered = Pick<
  Ledger,
  | 'beginListing'
  | 'addListed'
  | 'leaveOut'
  | 'setSourceFlags'
  | 'markPresent'
  | 'markGone'
  | 'endListing'
  | 'beginEpoch'
  | 'inherit'
  | 'endEpochs'
  | 'intend'
  | 'doubt'
  | 'land'
  | 'revert'
  | 'quarantine'
  | 'skip'
  | 'expunge'
  | 'requeue'
  | 'setValidity'
  | 'reclaim'
  | 'adopt'
  | 'inheritMove'
  | 'setAppliedFlags'
  | 'setVerified'
  | 'setFidelity'
  | 'putBack'
  | 'exclude'
>

/** A finding of the last verification that says that a row's copy is missing. */
interface Missing {
  readonly mailboxId: number
  readonly class: FindingClass
  rowId: number
}

/** The ledger as its interface describes it, over one plain list: slow, obvious and without SQL. */
export class ModelLedger implements Covered {
  rows: ModelRow[] = []
  readonly mailboxes: ModelMailbox[]
  readonly validity = new Map<number, string>()
  missing: Missing[] = []
  nextId: number

  constructor(mailboxes: ModelMailbox[], nextId: number) {
    this.mailboxes = mailboxes
    this.nextId = nextId
  }

  /** All of an action, or nothing of it. */
  atomically<T>(action: () => T): T {
    const { rows, nextId, missing } = this
    const validity = [...this.validity]
    const mailboxes = this.mailboxes.map((mailbox) => ({ ...mailbox }))
    this.rows = rows.map((row) => ({ ...row }))
    this.missing = missing.map((finding) => ({ ...finding }))
    try {
      return action()
    } catch (error) {
      this.rows = rows
      this.missing = missing
      this.nextId = nextId
      this.mailboxes.splice(0, mailboxes.length, ...mailboxes)
      this.validity.clear()
      for (const [id, value] of validity) this.validity.set(id, value)
      throw error
    }
  }

  beginListing(mailboxId: number): number {
    return ++this.mailbox(mailboxId).listing
  }

  addListed(mailboxId: number, listing: number, rows: readonly NewRow[]): number {
    const mailbox = this.mailbox(mailboxId)
    let added = 0
    for (const { listed, skip } of rows) {
      const known = this.byKey(mailboxId, listed.key)
      const state = skip === null ? 'discovered' : 'skipped'
      if (known === undefined) {
        this.rows.push(newModelRow(this.nextId++, mailbox, listing, { listed, skip }))
        added++
        continue
      }
      known.flags = normalizeFlags(listed.flags)
      known.seen = listing
      known.gone = false
      if (known.state === 'expunged') Object.assign(known, { state, reason: skip })
    }
    return added
  }

  leaveOut(mailboxId: number, listing: number, messages: readonly Listed[]): void {
    for (const { key, flags } of messages) {
      const row = this.byKey(mailboxId, key)
      if (row === undefined) continue
      if (hasNoCopy(row)) this.rows.splice(this.rows.indexOf(row), 1)
      else Object.assign(row, { flags: normalizeFlags(flags), seen: listing, gone: false })
    }
  }

  setSourceFlags(mailboxId: number, states: readonly FlagState[]): number {
    let unknown = 0
    for (const { key, flags } of states) {
      const row = this.byKey(mailboxId, key)
      if (row === undefined) unknown++
      else row.flags = normalizeFlags(flags)
    }
    return unknown
  }

  markPresent(mailboxId: number, listing: number, keys: readonly string[]): void {
    for (const key of keys) {
      const row = this.byKey(mailboxId, key)
      if (row === undefined) continue
      row.seen = listing
      row.gone = false
      if (row.state === 'expunged') Object.assign(row, { state: 'discovered', reason: null })
    }
  }

  markGone(mailboxId: number, keys: readonly string[]): void {
    for (const key of keys) vanish(this.byKey(mailboxId, key))
  }

  endListing(mailboxId: number, listing: number, _cursor: string, complete: boolean): void {
    const { epoch } = this.mailbox(mailboxId)
    if (!complete) return
    for (const row of this.of(mailboxId)) if (row.epoch === epoch && row.seen < listing) vanish(row)
  }

  beginEpoch(mailboxId: number): void {
    const mailbox = this.mailbox(mailboxId)
    const isUnread = (row: ModelRow): boolean =>
      (row.state === 'discovered' || row.state === 'skipped') && row.digests === null && row.attempts === 0
    this.rows = this.rows.filter(
      (row) => row.mailboxId !== mailboxId || row.epoch !== mailbox.epoch || !isUnread(row),
    )
    for (const row of this.of(mailboxId)) {
      if (row.epoch === mailbox.epoch && row.state !== 'expunged') row.waiting = true
    }
    mailbox.epoch++
  }

  inherit(id: number, digests: Digests): boolean {
    const row = this.row(id)
    if (row.state !== 'discovered') {
      if (same(row.digests, digests)) return true
      throw new ModelBug()
    }
    if (row.epoch !== this.mailbox(row.mailboxId).epoch) throw new ModelBug()
    const rank = (old: ModelRow): readonly number[] => [
      old.gone ? 1 : 0,
      isDelivered(old) ? 0 : old.state === 'appending' ? 1 : old.state === 'discovered' ? 3 : 2,
      old.internalDate === row.internalDate ? 0 : 1,
      sameFlags(old.flags, row.flags) ? 0 : 1,
      old.id,
    ]
    const [old] = this.of(row.mailboxId)
      .filter((other) => other.waiting && other.state !== 'expunged' && same(other.digests, digests))
      .sort((a, b) => compare(rank(a), rank(b)))
    if (old === undefined) return false
    this.takeOver(row, old, digests)
    return old.state !== 'discovered'
  }

  endEpochs(mailboxId: number): boolean {
    for (const row of this.of(mailboxId)) {
      if (!row.waiting) continue
      vanish(row)
      row.waiting = false
    }
    return true
  }

  intend(items: readonly Intent[], position: Position): void {
    for (const { id, digests, messageId, appliedFlags } of items) {
      const row = this.row(id)
      const facts = { messageId, appliedFlags: normalizeFlags(appliedFlags), position }
      if (row.state === 'appending' && same(row.digests, digests) && equal(facts, row)) continue
      if (row.state !== 'discovered' || row.waiting) throw new ModelBug()
      Object.assign(row, {
        state: 'appending',
        attempts: row.attempts + 1,
        digests,
        bytes: digests.bytes,
        ...facts,
      })
    }
  }

  doubt(ids: readonly number[]): void {
    for (const row of this.all(ids)) {
      if (row.state !== 'appending' && !row.doubted) throw new ModelBug()
      row.doubted = true
    }
  }

  land(claims: readonly Claim[]): void {
    for (const claim of claims) {
      const row = this.row(claim.id)
      if (row.state === 'appending') {
        row.state = 'landed'
        this.place(row, claim)
        continue
      }
      if (row.state !== 'landed') throw new ModelBug()
      if (claim.key === null || claim.key === row.destinationKey) continue
      if (row.destinationKey !== null) throw new ModelBug()
      this.place(row, claim)
    }
  }

  revert(ids: readonly number[]): void {
    for (const row of this.all(ids)) {
      const stranded = row.epoch !== this.mailbox(row.mailboxId).epoch && !row.waiting
      if (row.state === 'appending') {
        land(row, stranded ? 'expunged' : 'discovered')
        if (stranded) row.gone = true
        continue
      }
      const reverted = row.state === 'discovered' || (row.state === 'expunged' && stranded)
      if (row.attempts === 0 || !reverted) throw new ModelBug()
    }
  }

  quarantine(id: number, reason: Reason): void {
    this.except(id, 'quarantined', reason)
  }

  skip(id: number, reason: Reason): void {
    this.except(id, 'skipped', reason)
  }

  expunge(ids: readonly number[]): void {
    for (const row of this.all(ids)) {
      if (row.state === 'expunged') continue
      if (row.state !== 'discovered' && row.state !== 'appending') throw new ModelBug()
      land(row, 'expunged')
      row.gone = true
    }
  }

  requeue(pairId: number, ids: readonly number[] | null): number {
    const rows = this.rows.filter(
      (row) =>
        this.mailbox(row.mailboxId).pairId === pairId &&
        (row.state === 'quarantined' || (row.state === 'skipped' && row.reason?.code === 'too-large')) &&
        (ids === null || ids.includes(row.id)),
    )
    for (const row of rows) {
      const isInDoubt = row.reason?.code === 'mailbox-refused' && row.attempts > 0
      Object.assign(row, { state: isInDoubt ? 'appending' : 'discovered', reason: null })
    }
    return rows.length
  }

  setValidity(destinationId: number, validity: string): void {
    this.validity.set(destinationId, validity)
  }

  reclaim(claims: readonly Claim[]): void {
    for (const { id, key, validity } of claims) {
      const row = this.row(id)
      if (!isDelivered(row)) throw new ModelBug()
      this.place(row, { id, key, validity: validity ?? this.present(row) })
    }
  }

  adopt(destinationId: number, validity: string, adoptions: readonly Adoption[]): void {
    for (const { id, key, digests, messageId, appliedFlags } of adoptions) {
      const row = this.row(id)
      const here = this.mailbox(row.mailboxId).destinationId === destinationId
      const done = row.destinationKey === key && row.destinationValidity === validity
      if (row.state === 'existing' && here && done && same(row.digests, digests)) continue
      if (row.state !== 'discovered' || row.waiting || !here) throw new ModelBug()
      const facts = { digests, bytes: digests.bytes, messageId, appliedFlags: normalizeFlags(appliedFlags) }
      Object.assign(row, { state: 'existing', ...facts })
      this.place(row, { id, key, validity })
    }
  }

  inheritMove(id: number, fromId: number, digests: Digests, claim: Claim): void {
    const row = this.row(id)
    const from = this.rows.find((other) => other.id === fromId)
    const done = from === undefined && row.destinationKey === claim.key && same(row.digests, digests)
    if (row.state !== 'discovered' && done) return
    if (row.state !== 'discovered' || row.waiting || from === undefined) throw new ModelBug()
    if (!isDelivered(from) || !from.gone) throw new ModelBug()
    this.takeOver(row, from, digests)
    row.destinationKey = row.destinationValidity = null
    this.place(row, { ...claim, validity: claim.validity ?? this.present(row) })
    row.verifiedAt = row.fidelity = null
  }

  setAppliedFlags(items: readonly { readonly id: number; readonly flags: readonly string[] }[]): void {
    for (const { id, flags } of items) {
      const row = this.row(id)
      if (!isDelivered(row)) throw new ModelBug()
      row.appliedFlags = normalizeFlags(flags)
    }
  }

  setVerified(ids: readonly number[], at: number): void {
    for (const row of this.all(ids)) {
      if (!isDelivered(row)) throw new ModelBug()
      row.verifiedAt = at
    }
  }

  setFidelity(ids: readonly number[], fidelity: Fidelity): void {
    for (const row of this.all(ids)) {
      if (!isDelivered(row)) throw new ModelBug()
      row.fidelity = fidelity
    }
  }

  /** Of a verification, and what it says is missing. */
  replaceFindings(mailboxId: number, _group: string, findings: readonly Finding[]): void {
    this.mailbox(mailboxId)
    this.missing = this.missing.filter((finding) => finding.mailboxId !== mailboxId)
    for (const found of findings) this.missing.push({ mailboxId, class: found.class, rowId: found.messageId ?? 0 })
  }

  putBack(mailboxId: number, found: FindingClass): number {
    const rows = this.rows.filter(
      (row) =>
        this.missing.some(
          (finding) => finding.mailboxId === mailboxId && finding.class === found && finding.rowId === row.id,
        ) &&
        row.fidelity === 'missing' &&
        isDelivered(row) &&
        !row.gone &&
        !row.waiting &&
        row.epoch === this.mailbox(row.mailboxId).epoch,
    )
    for (const row of rows) {
      Object.assign(row, { state: 'appending', doubted: true, attempts: Math.max(1, row.attempts) })
      Object.assign(row, { verifiedAt: null, fidelity: null, position: null })
      Object.assign(row, { destinationKey: null, destinationValidity: null, mergedKey: null })
      this.missing = this.missing.filter((finding) => finding.rowId !== row.id)
    }
    return rows.length
  }

  exclude(mailboxId: number): void {
    const mailbox = this.mailbox(mailboxId)
    this.rows = this.rows.filter((row) => row.mailboxId !== mailboxId || !hasNoCopy(row))
    if (this.of(mailboxId).length > 0) return
    this.mailboxes.splice(this.mailboxes.indexOf(mailbox), 1)
    this.missing = this.missing.filter((finding) => finding.mailboxId !== mailboxId)
  }

  totals(mailboxId: number): Totals {
    const rows = this.of(mailboxId)
    const count = (state: string): number => rows.filter((row) => row.state === state).length
    const bytes = (some: readonly ModelRow[]): number => some.reduce((sum, row) => sum + row.bytes, 0)
    return {
      source: rows.length,
      discovered: count('discovered'),
      appending: count('appending'),
      landed: count('landed'),
      existing: count('existing'),
      skipped: count('skipped'),
      quarantined: count('quarantined'),
      expunged: count('expunged'),
      merged: 0,
      sourceBytes: bytes(rows),
      landedBytes: bytes(rows.filter((row) => row.state === 'landed')),
    }
  }

  /** It landed under another validity than the present one. */
  isStale(row: ModelRow): boolean {
    const present = this.present(row)
    const under = row.destinationValidity ?? row.position?.validity ?? null
    return isDelivered(row) && present !== null && under !== null && under !== present
  }

  of(mailboxId: number): ModelRow[] {
    return this.rows.filter((row) => row.mailboxId === mailboxId)
  }

  mailbox(id: number): ModelMailbox {
    const mailbox = this.mailboxes.find((other) => other.id === id)
    if (mailbox === undefined) throw new ModelBug()
    return mailbox
  }

  private present(row: ModelRow): string | null {
    return this.validity.get(this.mailbox(row.mailboxId).destinationId) ?? null
  }

  private place(row: ModelRow, { key, validity }: Claim): void {
    const { destinationId } = this.mailbox(row.mailboxId)
    const kept = validity ?? (key === null ? null : (this.present(row) ?? row.position?.validity ?? null))
    const taken = this.rows.some(
      (other) =>
        other !== row &&
        key !== null &&
        this.mailbox(other.mailboxId).destinationId === destinationId &&
        other.destinationKey === key &&
        other.destinationValidity === kept,
    )
    if (taken || (key !== null && kept === null)) throw new ModelBug()
    Object.assign(row, { destinationKey: key, destinationValidity: kept })
    if (key !== null) row.position = null
  }

  private takeOver(row: ModelRow, old: ModelRow, digests: Digests): void {
    this.rows = this.rows.filter((other) => other !== old)
    for (const finding of this.missing) if (finding.rowId === old.id) finding.rowId = row.id
    const { state, messageId, destinationKey, destinationValidity, appliedFlags, position } = old
    const { verifiedAt, fidelity, reason } = old
    const facts = {
      state,
      messageId,
      destinationKey,
      destinationValidity,
      appliedFlags,
      position,
      verifiedAt,
      fidelity,
      reason,
    }
    const attempts = row.attempts + old.attempts
    const doubted = row.doubted || old.doubted
    Object.assign(row, { ...facts, attempts, doubted, digests, bytes: digests.bytes })
  }

  private except(id: number, state: 'quarantined' | 'skipped', reason: Reason): void {
    const row = this.row(id)
    if (row.state === state && row.reason?.code === reason.code) return
    if (row.state !== 'discovered' && row.state !== 'appending') throw new ModelBug()
    land(row, state)
    row.reason = reason
  }

  private row(id: number): ModelRow {
    const row = this.rows.find((other) => other.id === id)
    if (row === undefined) throw new ModelBug()
    return row
  }

  private all(ids: readonly number[]): ModelRow[] {
    return ids.map((id) => this.row(id))
  }

  private byKey(mailboxId: number, key: string): ModelRow | undefined {
    const { epoch } = this.mailbox(mailboxId)
    return this.of(mailboxId).find((row) => row.epoch === epoch && row.key === key)
  }
}

export function isDelivered(row: ModelRow): boolean {
  return row.state === 'landed' || row.state === 'existing'
}

/** Nothing of it can be at the destination. */
function hasNoCopy(row: ModelRow): boolean {
  const isQuarantined =
    row.state === 'quarantined' && (row.attempts === 0 || row.reason?.code !== 'mailbox-refused')
  return row.state === 'discovered' || row.state === 'skipped' || isQuarantined
}

export function sameFlags(a: readonly string[], b: readonly string[]): boolean {
  return a.join(' ') === b.join(' ')
}

/** The append is over without a copy. */
function land(row: ModelRow, state: ModelRow['state']): void {
  Object.assign(row, { state, position: null, appliedFlags: [] })
}

function vanish(row: ModelRow | undefined): void {
  if (row === undefined) return
  row.gone = true
  if (['discovered', 'skipped', 'quarantined'].includes(row.state)) row.state = 'expunged'
}

function same(a: Digests | null, b: Digests): boolean {
  return a !== null && Buffer.compare(a.matchDigest, b.matchDigest) === 0
}

function equal(facts: Pick<ModelRow, 'messageId' | 'appliedFlags' | 'position'>, row: ModelRow): boolean {
  const { messageId, appliedFlags, position } = row
  return JSON.stringify(facts) === JSON.stringify({ messageId, appliedFlags, position })
}

function compare(a: readonly number[], b: readonly number[]): number {
  const i = a.findIndex((value, at) => value !== b[at])
  return i === -1 ? 0 : (a[i] ?? 0) - (b[i] ?? 0)
}

function newModelRow(id: number, mailbox: ModelMailbox, seen: number, { listed, skip }: NewRow): ModelRow {
  return {
    id,
    mailboxId: mailbox.id,
    key: listed.key,
    epoch: mailbox.epoch,
    bytes: listed.bytes,
    internalDate: listed.internalDate,
    identity: listed.identity ?? null,
    flags: normalizeFlags(listed.flags),
    state: skip === null ? 'discovered' : 'skipped',
    digests: null,
    messageId: null,
    destinationKey: null,
    destinationValidity: null,
    mergedKey: null,
    appliedFlags: [],
    position: null,
    attempts: 0,
    reason: skip,
    doubted: false,
    gone: false,
    verifiedAt: null,
    fidelity: null,
    seen,
    waiting: false,
  }
}
