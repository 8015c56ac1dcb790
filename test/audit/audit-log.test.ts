import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatVerifierKey } from '../../src/audit/signed-note.ts'
import { parseCheckpoint, verifyCheckpoint } from '../../src/audit/checkpoint.ts'
import { generateBoxKeys, openSealedBox, sealToKey } from '../../vault/box.ts'
import { generateSeed, signerOf } from '../../vault/ed25519.ts'
import { auditObject } from '../../src/core/audit.ts'
import { ensurePrivateFolder } from '../../src/files/private-files.ts'
import { openAuditLog } from '../../src/audit/audit-log.ts'
import { verifyConsistency } from '../../src/audit/merkle-proof.ts'
import { verifyTlogProof } from '../../src/audit/tlog-proof.ts'
import {
  ANNA,
  CALM,
  NOBODY,
  ORIGIN,
  allEntries,
  allPersonal,
  event,
  fabricateLog,
  filledLog,
  findings,
  linesOf,
  openTestLog,
  temporaryFolder,
  testClock,
  testSeal,
  verify,
} from './audit-fixture.ts'
import { mth } from './naive-merkle.ts'
import { testSigner } from './signer.ts'

const signer = testSigner(ORIGIN)
const key = formatVerifierKey(signer.name, signer.publicKey)

describe('an entry', () => {
  it('is written as it was given, with its number and time', async () => {
    const { log, clock } = openTestLog()
    clock.set('2028-02-29T23:59:59.900Z')
    const first = await log.append(event({ by: NOBODY, action: 'unlock-failed', outcome: 'failed' }), CALM)
    const facts = { accounts: 3, messages: 1200, level: 'full', balanced: true, seconds: 1.5, none: null }
    const second = await log.append(
      event({ action: 'run-finished', project: 'acme', object: 'run-7', facts }),
      CALM,
    )
    expect([first.index, second.index]).toEqual([0, 1])
    const [one, two] = await allEntries(log)
    expect(one?.entry).toMatchObject({
      index: 0,
      by: NOBODY,
      action: 'unlock-failed',
      outcome: 'failed',
      facts: {},
    })
    expect(two?.entry).toMatchObject({
      index: 1,
      by: ANNA,
      project: 'acme',
      object: 'run-7',
      facts,
      personal: null,
    })
    expect(two?.entry?.at).toBe('2028-02-29T23:59:59Z')
    expect(two?.leafHash).toEqual(second.leafHash)
  })

  it('is a line whose leaf anybody can hash, and the lines make the tree', async () => {
    const { log, folder } = await filledLog(9)
    const leaves = linesOf(folder).map((line) => Buffer.from(line.split(' ').slice(2).join(' ')))
    expect((await log.head(CALM)).root).toEqual(mth(leaves))
    for (const [i, line] of linesOf(folder).entries()) {
      const [number, hash] = line.split(' ')
      const leaf = createHash('sha256')
        .update(Buffer.from([0]))
        .update(leaves[i] ?? '')
        .digest('base64')
      expect([number, hash]).toEqual([`${i}`, leaf])
    }
  })

  it.each([
    ['an address', { object: 'anna@example.com' }],
    ['a name with a blank', { by: { ...ANNA, name: 'Anna Example' } }],
    ['a text among the facts', { facts: { subject: 'Quarterly numbers' } }],
    ['a number that is none', { facts: { messages: NaN } }],
    ['a project that is no id', { project: '../x' }],
  ])('with %s in the clear is refused, and nothing is written', async (_, over) => {
    const { log } = openTestLog()
    await expect(log.append(event(over), CALM)).rejects.toMatchObject({ kind: 'bug' })
    expect(await log.head(CALM)).toMatchObject({ size: 0 })
  })

  it('names an object by its id, or by one that is made of its name', async () => {
    expect(auditObject('p', 'source-admin')).toBe('source-admin')
    const made = auditObject('p', 'layla@acme.example')
    expect(made).toMatch(/^x-[0-9a-f]{16}$/)
    expect(
      new Set([made, auditObject('q', 'layla@acme.example'), auditObject('p', 'omar@acme.example')]).size,
    ).toBe(3)
    const { log } = openTestLog()
    await log.append(event({ action: 'credentials-used', project: 'p', object: made }), CALM)
  })

  it('with a text too long for a line is refused', async () => {
    const { log } = openTestLog()
    const personal = { reason: 'x'.repeat(17_000) }
    await expect(log.append(event({ personal }), CALM)).rejects.toMatchObject({ kind: 'config' })
    expect(await findings(log)).toEqual([])
  })
})

describe('with the vault', () => {
  it('fields are sealed by its public key alone, and checkpoints signed by its keys', async () => {
    const keys = await generateBoxKeys()
    const seed = generateSeed()
    const sealer = {
      seal: (context: string, bytes: Uint8Array) => sealToKey(keys.publicKey, ['audit', context], bytes),
    }
    const opener = {
      open: (context: string, sealed: Uint8Array) => openSealedBox(keys, ['audit', context], sealed),
    }
    const folder = join(temporaryFolder(), 'audit')
    const log = openAuditLog({ folder, origin: ORIGIN, clock: testClock(), sealer })
    await log.append(event({ personal: { name: 'Omar Said' } }), CALM)
    const vaultSigner = { name: ORIGIN, ...signerOf(seed) }
    const note = await log.checkpoint(vaultSigner, CALM)
    const vkey = formatVerifierKey(ORIGIN, vaultSigner.publicKey)
    expect(verifyCheckpoint(note, ORIGIN, [vkey]).size).toBe(1)
    expect(await verify(log, { keys: [vkey], opener })).toMatchObject({ intact: true, findings: [], compared: 1 })
    for await (const { fields } of log.personal(opener, CALM)) expect(fields).toEqual({ name: 'Omar Said' })
    const stranger = await generateBoxKeys()
    const foreign = {
      open: (context: string, sealed: Uint8Array) => openSealedBox(stranger, ['audit', context], sealed),
    }
    expect(await findings(log, { opener: foreign })).toEqual(['personal-edited 0-0'])
  })
})

describe('the files', () => {
  it('are for their owner alone', async () => {
    const { folder, log } = await filledLog(3)
    await log.checkpoint(signer, CALM)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(readdirSync(folder).sort()).toEqual(['checkpoints', 'head', 'log', 'personal'])
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  })

  it.skipIf(!existsSync('/proc/self'))('where no folder can be made are refused at once', async () => {
    for (const path of ['/proc/sealpost', '/proc/sealpost/audit'])
      await expect(ensurePrivateFolder(path)).rejects.toMatchObject({ kind: 'config', code: 'ENOENT' })
  })

  it('that others can read, or that are links, are refused', async () => {
    const { folder, log } = await filledLog(1)
    chmodSync(join(folder, 'log'), 0o644)
    await expect(log.append(event(), CALM)).rejects.toMatchObject({
      kind: 'policy',
      hint: expect.stringContaining('chmod 600') as string,
    })
    chmodSync(join(folder, 'log'), 0o600)
    chmodSync(folder, 0o750)
    await expect(log.append(event(), CALM)).rejects.toMatchObject({ kind: 'policy' })
    const linked = openTestLog(join(temporaryFolder(), 'audit'))
    mkdirSync(linked.folder, { mode: 0o700 })
    symlinkSync('/dev/null', join(linked.folder, 'head'))
    await expect(linked.log.append(event(), CALM)).rejects.toMatchObject({ kind: 'policy' })
  })

  it('hold no personal field in the clear', async () => {
    const { folder, log } = openTestLog()
    const personal = { signatory: 'canary-signatory', reason: 'canary-reason' }
    await log.append(event({ action: 'signoff-started', project: 'acme', personal }), CALM)
    for (const name of readdirSync(folder))
      expect(readFileSync(join(folder, name), 'utf8')).not.toContain('canary')
    expect(await allPersonal(log)).toEqual({ 0: JSON.stringify(personal) })
  })

  it('of another log are refused', async () => {
    const { folder } = await filledLog(1)
    const head = readFileSync(join(folder, 'head'), 'utf8')
    writeFileSync(join(folder, 'head'), head.replace(ORIGIN, 'elsewhere.example/log'))
    const { log } = openTestLog(folder)
    await expect(log.append(event(), CALM)).rejects.toMatchObject({ kind: 'config' })
    expect(await findings(log)).toContain('head-damaged 0-0')
  })
})

describe('proofs', () => {
  it('of each entry hold in the checkpoint they were made for, and later ones go on from it', async () => {
    const { log } = await filledLog(5)
    const early = await log.checkpoint(signer, CALM)
    for (let i = 0; i < 6; i++) await log.append(event(), CALM)
    const late = await log.checkpoint(signer, CALM)
    const entries = await allEntries(log)
    for (const { index, leafHash } of entries) {
      const text = await log.prove(index, late, CALM)
      expect(verifyTlogProof(text, leafHash, ORIGIN, [key]).size).toBe(11)
      if (index < 5)
        expect(verifyTlogProof(await log.prove(index, early, CALM), leafHash, ORIGIN, [key]).size).toBe(5)
    }
    await expect(log.prove(5, early, CALM)).rejects.toMatchObject({ kind: 'config' })
    const proof = await log.proveConsistency(5, 11, CALM)
    expect(verifyConsistency(5, 11, parseCheckpoint(early).root, parseCheckpoint(late).root, proof)).toBe(true)
    await expect(log.proveConsistency(5, 12, CALM)).rejects.toMatchObject({ kind: 'corrupt' })
  })

  it('are not made for a checkpoint of another log or another history', async () => {
    const { log } = await filledLog(3)
    const other = await filledLog(3)
    await other.log.append(event({ object: 'other' }), CALM)
    await log.append(event(), CALM)
    await expect(log.prove(0, await other.log.checkpoint(signer, CALM), CALM)).rejects.toMatchObject({
      kind: 'corrupt',
    })
    const foreign = (await log.checkpoint(signer, CALM)).replace(ORIGIN, 'elsewhere.example')
    await expect(log.prove(0, foreign, CALM)).rejects.toMatchObject({ kind: 'config' })
  })
})

describe('erasing', () => {
  it('a content keeps its hash, the tree and the proofs, and names the index', async () => {
    const { log, folder } = await filledLog(8)
    const checkpoint = await log.checkpoint(signer, CALM)
    const before = await allEntries(log)
    const canary = 'thing-3'
    expect(readFileSync(join(folder, 'log'), 'utf8')).toContain(canary)
    const receipt = await log.erase(
      event({ action: 'sweep', project: 'p1' }),
      { leaves: [3, 4, 3], personal: [] },
      CALM,
    )
    expect(receipt).toEqual({ index: 8, leaves: [3, 4], personal: [], kept: [] })
    expect(readFileSync(join(folder, 'log'), 'utf8')).not.toContain(canary)
    const after = await allEntries(log)
    expect(after[3]).toEqual({ ...before[3], entry: null })
    expect(after[8]?.entry?.erased).toEqual({ leaves: [3, 4], personal: [] })
    expect(await allPersonal(log)).toEqual({ 0: '{"name":"person 0"}', 6: '{"name":"person 6"}' })
    const heads = [parseCheckpoint(checkpoint)]
    expect(await verify(log, { heads, keys: [key], opener: testSeal() })).toMatchObject({
      intact: true,
      findings: [],
      compared: 2,
    })
    verifyTlogProof(await log.prove(3, checkpoint, CALM), before[3]?.leafHash ?? Buffer.alloc(0), ORIGIN, [key])
  })

  it('sealed fields alone leaves the entry, and the row is noise', async () => {
    const { log, folder } = await filledLog(4)
    const row = linesOf(folder, 'personal')[1] ?? ''
    const receipt = await log.erase(event({ action: 'record-erased' }), { leaves: [], personal: [3, 2] }, CALM)
    expect(receipt).toMatchObject({ leaves: [], personal: [3] })
    expect(linesOf(folder, 'personal')[1]).toBe(row.slice(0, 33).padEnd(row.length))
    expect((await allEntries(log))[3]?.entry).toMatchObject({ object: 'thing-3' })
    expect(await findings(log, { opener: testSeal() })).toEqual([])
  })

  it('twice removes nothing more and is told as an entry of its own', async () => {
    const { log } = await filledLog(4)
    await log.erase(event({ action: 'sweep' }), { leaves: [1], personal: [0] }, CALM)
    const again = await log.erase(event({ action: 'sweep' }), { leaves: [1], personal: [0] }, CALM)
    expect(again).toEqual({ index: 5, leaves: [], personal: [], kept: [] })
    expect((await allEntries(log))[5]?.entry).toMatchObject({ action: 'sweep', erased: null })
    expect(await findings(log)).toEqual([])
  })

  it('never takes the content of an entry that accounts for an erasure', async () => {
    const { log } = await filledLog(4)
    await log.erase(event({ action: 'sweep', personal: { who: 'x' } }), { leaves: [1], personal: [] }, CALM)
    const receipt = await log.erase(event({ action: 'sweep' }), { leaves: [2, 4], personal: [] }, CALM)
    expect(receipt).toMatchObject({ leaves: [2], kept: [4] })
    const fields = await log.erase(event({ action: 'sweep' }), { leaves: [], personal: [4] }, CALM)
    expect(fields).toMatchObject({ personal: [4] })
    expect(await findings(log)).toEqual([])
  })

  it('of an entry that is not there is refused', async () => {
    const { log } = await filledLog(2)
    await expect(log.erase(event(), { leaves: [2], personal: [] }, CALM)).rejects.toMatchObject({ kind: 'bug' })
    expect(await log.head(CALM)).toMatchObject({ size: 2 })
  })

  it('of very many is told in several entries, each within a line', async () => {
    const { log, folder } = fabricateLog(9_000)
    const odd = Array.from({ length: 4_500 }, (_, i) => 2 * i + 1)
    const personal = odd.map((index) => index - 1).filter((index) => index % 3 === 0)
    const receipt = await log.erase(
      event({ action: 'sweep', personal: { why: 'x' } }),
      { leaves: odd, personal },
      CALM,
    )
    expect(receipt).toEqual({ index: 9_000, leaves: odd, personal, kept: [] })
    expect((await log.head(CALM)).size).toBe(9_003)
    expect(await findings(log, { opener: testSeal() })).toEqual([])
    expect(readFileSync(join(folder, 'log'), 'utf8')).not.toContain('thing-77"')
  })
})

describe('a signed checkpoint', () => {
  it('is kept beside the log, and not signed again for a log that lost entries', async () => {
    const { log, folder, clock } = await filledLog(2)
    const early = {
      head: readFileSync(join(folder, 'head')),
      log: readFileSync(join(folder, 'log')),
      personal: readFileSync(join(folder, 'personal')),
    }
    await log.append(event(), CALM)
    const note = await log.checkpoint(signer, CALM)
    expect(JSON.parse(linesOf(folder, 'checkpoints')[0] ?? '')).toBe(note)
    for (const [name, bytes] of Object.entries(early)) writeFileSync(join(folder, name), bytes)
    const { log: rolledBack } = openTestLog(folder, clock)
    await expect(rolledBack.checkpoint(signer, CALM)).rejects.toMatchObject({ kind: 'corrupt' })
    await rolledBack.append(event({ object: 'other' }), CALM)
    await expect(rolledBack.checkpoint(signer, CALM)).rejects.toMatchObject({ kind: 'corrupt' })
    expect(await findings(rolledBack, { keys: [key] })).toContain('rewritten 0-2')
  })

  it('whose writing was cut does not spoil the next', async () => {
    const { log, folder } = await filledLog(2)
    await log.checkpoint(signer, CALM)
    const whole = readFileSync(join(folder, 'checkpoints'))
    writeFileSync(join(folder, 'checkpoints'), Buffer.concat([whole, Buffer.from('"sealpo')]))
    await log.append(event(), CALM)
    await log.checkpoint(signer, CALM)
    expect(linesOf(folder, 'checkpoints')).toHaveLength(2)
    expect(await verify(log, { keys: [key] })).toMatchObject({ intact: true, compared: 2, findings: [] })
  })
})

it('an aborted call stops waiting', async () => {
  const { log } = await filledLog(1)
  const controller = new AbortController()
  controller.abort()
  const read = async (): Promise<void> => {
    for await (const entry of log.entries(controller.signal)) expect(entry).toBeNull()
  }
  await expect(read()).rejects.toMatchObject({ kind: 'cancelled' })
})
