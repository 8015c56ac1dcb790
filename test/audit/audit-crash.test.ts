import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { hashLeaf } from '../../src/audit/merkle.ts'
import { bundleProgram } from '../child-program.ts'
import {
  CALM,
  allEntries,
  allPersonal,
  event,
  filledLog,
  findings,
  linesOf,
  openTestLog,
  temporaryFolder,
  testSeal,
  verify,
} from './audit-fixture.ts'

let program = ''
beforeAll(async () => {
  program = await bundleProgram(new URL('audit-child.ts', import.meta.url))
})
const FILES = ['log', 'personal', 'head']

interface Ended {
  readonly signal: string | null
  readonly code: number | null
  readonly out: string
}

function runChild(...parameters: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...parameters], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (out += bytes.toString()))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, out }))
  })
}

async function actions(folder: string): Promise<(string | null)[]> {
  return (await allEntries(openTestLog(folder).log)).map(({ entry }) => entry?.action ?? null)
}

describe('processes at once', () => {
  it('append one after the other: nothing is lost, doubled or torn', async () => {
    const { folder, log } = openTestLog()
    const names = ['one', 'two', 'three']
    const ended = await Promise.all(names.map((name) => runChild(folder, name, '12')))
    for (const { code, out } of ended) expect({ code, out }).toMatchObject({ code: 0 })
    expect(await verify(log, { opener: testSeal() })).toMatchObject({ intact: true, size: 36, findings: [] })
    const objects = (await allEntries(log)).map(({ entry }) => entry?.object)
    expect([...objects].sort()).toEqual(
      names.flatMap((name) => Array.from({ length: 12 }, (_, i) => `${name}-${i}`)).sort(),
    )
    // Each saw its own numbers, and in its own order.
    for (const [i, { out }] of ended.entries()) {
      const own = objects.flatMap((object, index) =>
        object?.startsWith(`${names[i] ?? ''}-`) === true ? [index] : [],
      )
      expect(out.trim().split('\n').map(Number)).toEqual(own)
    }
  })

  it('in one process too, over two logs of one folder', async () => {
    const { folder, log } = openTestLog()
    const second = openTestLog(folder)
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 === 0 ? log : second.log).append(event({ object: `o-${i}` }), CALM),
      ),
    )
    expect(await verify(log)).toMatchObject({ intact: true, size: 20, findings: [] })
  })
})

describe('a process killed', () => {
  it.each([
    ['between sealed fields and line', 'line', 4, { adopted: 0 }],
    ['between line and head', 'head', 5, { adopted: 1, droppedBytes: 0 }],
    ['in the middle of a line', 'half-line', 4, { adopted: 0 }],
    ['in the middle of the sealed fields', 'half-row', 4, { adopted: 0, droppedBytes: 37 }],
  ])('%s is put right by the next append, which says so', async (_, step, size, facts) => {
    const { folder, log, clock } = await filledLog(4)
    expect(await runChild(folder, 'killed', '1', step)).toMatchObject({ signal: 'SIGKILL' })
    const before = await verify(log)
    expect(before).toMatchObject({ intact: true, size: 4 })
    expect(before.findings.map(({ kind }) => kind).filter((kind) => kind !== 'unfinished')).toEqual([])
    clock.set('2099-01-01T00:00:00Z')
    await log.append(event({ object: 'after' }), CALM)
    const entries = await allEntries(log)
    expect(entries.map(({ entry }) => entry?.object ?? entry?.action)).toEqual([
      ...['thing-0', 'thing-1', 'thing-2', 'thing-3'],
      ...(size === 5 ? ['killed-0'] : []),
      ...['log-repaired', 'after'],
    ])
    expect(entries[size]?.entry?.facts).toMatchObject({ ...facts, damaged: 0 })
    expect(Object.keys(await allPersonal(log))).toEqual(size === 5 ? ['0', '3', '4'] : ['0', '3'])
    expect(await findings(log, { opener: testSeal() })).toEqual([])
  })

  it.each(['erase', 'half-erase'])('in an erasure (%s) has it ended by the next append', async (step) => {
    const { folder, log, clock } = await filledLog(5)
    expect(await runChild(folder, 'killed', '1', step)).toMatchObject({ signal: 'SIGKILL' })
    expect(await verify(log)).toMatchObject({ intact: true })
    const left = await findings(log)
    expect(left.length).toBeGreaterThan(0)
    expect(left.filter((text) => !text.startsWith('unfinished'))).toEqual([])
    clock.set('2099-01-01T00:00:00Z')
    await log.append(event(), CALM)
    expect(await findings(log, { opener: testSeal() })).toEqual([])
    expect((await allEntries(log))[0]?.entry).toBeNull()
    expect(await allPersonal(log)).toEqual({})
  })

  it('with the lock in its hands lets the next one in at once', async () => {
    const { folder } = await filledLog(1)
    // The first leaves a line without its head, the others die at putting that right.
    for (let i = 0; i < 3; i++)
      expect(await runChild(folder, 'killed', '1', 'head')).toMatchObject({ signal: 'SIGKILL' })
    const ended = await Promise.all(['a', 'b', 'c'].map((name) => runChild(folder, name, '4')))
    for (const { code, out } of ended) expect({ code, out }).toMatchObject({ code: 0 })
    const { log } = openTestLog(folder)
    expect((await verify(log)).intact).toBe(true)
    expect((await actions(folder)).filter((action) => action === 'unlock')).toHaveLength(1 + 1 + 12)
    expect(readdirSync(folder).sort()).toEqual(['head', 'log', 'personal'])
  })
})

it('a log cut at any byte of its last append is put right', async () => {
  const { folder, log, clock } = await filledLog(3)
  const before = new Map(FILES.map((name) => [name, readFileSync(join(folder, name))]))
  await log.append(event({ object: 'last', personal: { name: 'somebody' } }), CALM)
  const after = new Map(FILES.map((name) => [name, readFileSync(join(folder, name))]))
  const bytes = (from: typeof before, name: string): Buffer => from.get(name) ?? Buffer.alloc(0)
  const rowLength = bytes(after, 'personal').length - bytes(before, 'personal').length
  const lineLength = bytes(after, 'log').length - bytes(before, 'log').length
  for (let cut = 1; cut <= rowLength + lineLength; cut += 23) {
    const copy = join(temporaryFolder(), 'audit')
    mkdirSync(copy, { mode: 0o700 })
    const row = Math.min(cut, rowLength)
    const line = cut - row
    writeFileSync(join(copy, 'head'), bytes(before, 'head'), { mode: 0o600 })
    writeFileSync(
      join(copy, 'personal'),
      bytes(after, 'personal').subarray(0, bytes(before, 'personal').length + row),
      { mode: 0o600 },
    )
    writeFileSync(join(copy, 'log'), bytes(after, 'log').subarray(0, bytes(before, 'log').length + line), {
      mode: 0o600,
    })
    const test = openTestLog(copy, clock)
    expect((await verify(test.log)).intact).toBe(true)
    await test.log.append(event({ object: 'next' }), CALM)
    const objects = (await allEntries(test.log)).map(({ entry }) => entry?.object ?? entry?.action)
    expect(objects).toEqual([
      'thing-0',
      'thing-1',
      'thing-2',
      ...(line === lineLength ? ['last'] : []),
      'log-repaired',
      'next',
    ])
    expect(await findings(test.log, { opener: testSeal() })).toEqual([])
  }
}, 120_000)

describe('a log that lost what it had', () => {
  it('is not appended to', async () => {
    for (const name of FILES) {
      const { folder, log } = await filledLog(4)
      const bytes = readFileSync(join(folder, name))
      writeFileSync(join(folder, name), bytes.subarray(0, -5))
      await expect(log.append(event(), CALM)).rejects.toMatchObject({ kind: 'corrupt' })
      expect((await verify(log)).intact).toBe(false)
    }
  })

  it('is not made anew because its head is missing', async () => {
    const { folder } = await filledLog(2)
    const copy = join(temporaryFolder(), 'audit')
    mkdirSync(copy, { mode: 0o700 })
    copyFileSync(join(folder, 'log'), join(copy, 'log'))
    const { log } = openTestLog(copy)
    await expect(log.append(event(), CALM)).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('head') as string,
    })
    expect(await findings(log)).toContain('head-damaged 0-1')
  })

  it('takes no line whose sealed fields are not those it was written with', async () => {
    const { folder, log } = await filledLog(2)
    const head = readFileSync(join(folder, 'head'))
    await log.append(event({ object: 'torn', personal: { name: 'somebody' } }), CALM)
    writeFileSync(join(folder, 'head'), head)
    const rows = linesOf(folder, 'personal')
    const [id = '', sealed = ''] = (rows.at(-1) ?? '').split(' ')
    const other = `${id} ${sealed.startsWith('A') ? 'B' : 'A'}${sealed.slice(1)}`
    writeFileSync(join(folder, 'personal'), [...rows.slice(0, -1), other, ''].join('\n'))
    await log.append(event({ object: 'next' }), CALM)
    const objects = (await allEntries(log)).map(({ entry }) => entry?.object ?? entry?.action)
    expect(objects).toEqual(['thing-0', 'thing-1', 'log-repaired', 'next'])
    expect(await findings(log, { opener: testSeal() })).toEqual([])
  })

  it('takes no line that does not go on from its last entry', async () => {
    const { folder, log } = await filledLog(2)
    const leaf = Buffer.from(
      (linesOf(folder)[1] ?? '').split(' ').slice(2).join(' ').replace('"index":1', '"index":2'),
    )
    const line = Buffer.concat([Buffer.from(`2 ${hashLeaf(leaf).toString('base64')} `), leaf, Buffer.from('\n')])
    writeFileSync(join(folder, 'log'), Buffer.concat([readFileSync(join(folder, 'log')), line]))
    await log.append(event({ object: 'next' }), CALM)
    const entries = await allEntries(log)
    expect(entries.map(({ entry }) => entry?.action)).toEqual(['unlock', 'unlock', 'log-repaired', 'unlock'])
    expect(entries[2]?.entry?.facts).toEqual({ adopted: 0, droppedBytes: line.length, damaged: 0 })
  })
})
