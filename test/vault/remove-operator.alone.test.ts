import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type * as files from '../../src/files/durable.ts'
import { addOperator } from '../../vault/add-operator.ts'
import type * as eraseFile from '../../vault/erase-file.ts'
import { listOperators } from '../../vault/keystore.ts'
import {
  openCertificateSigner,
  openRecordsKeys,
  unlockOperator,
  type UnlockedOperator,
} from '../../vault/operator.ts'
import { createProject, grantProject, openProject } from '../../vault/projects.ts'
import { removeOperator } from '../../vault/remove-operator.ts'
import { hasTotp } from '../../vault/totp.ts'
import { disarm, disk, killAfter } from './armed-files.ts'
import { PASSPHRASE, secretOf, useWorkspace } from './workspace.ts'

vi.mock('../../src/files/durable.ts', async (original) => {
  const { armed } = await import('./armed-files.ts')
  return armed(() => original<typeof files>(), ['writePrivateFile'])
})
vi.mock('../../vault/erase-file.ts', async (original) => {
  const { armed } = await import('./armed-files.ts')
  return armed(() => original<typeof eraseFile>(), ['eraseFile'])
})

const ID = 'p-4f21'
const workspace = useWorkspace()
let root = ''
let ada: UnlockedOperator
let ben: UnlockedOperator
let cleo: UnlockedOperator

const unlock = (name: string): Promise<UnlockedOperator> =>
  unlockOperator(root, { operator: name, systemUser: '', passphrase: secretOf(PASSPHRASE) })
const keystoreFile = (...names: readonly string[]): string => join(root, 'keystore', ...names)
const remove = (name: string, lead = ada) => removeOperator(root, lead, name, systemClock)

interface Sealed {
  readonly sealed: readonly { readonly operator: string }[]
}
const holdersOf = (kind: string): readonly string[] =>
  (JSON.parse(readFileSync(keystoreFile(`${kind}.json`), 'utf8')) as Sealed).sealed.map(({ operator }) => operator)

/** Ada and cleo lead, ben is an engineer who was granted the project. */
beforeAll(async () => {
  ada = workspace.operator()
  root = workspace.original()
  for (const [name, role] of [
    ['ben', 'engineer'],
    ['cleo', 'lead'],
  ] as const) {
    await addOperator(root, ada, { name, role, passphrase: secretOf(PASSPHRASE), kdf: 'interactive' }, systemClock)
  }
  await createProject(root, ada, { projectId: ID })
  await grantProject(root, ada, ID, 'ben', systemClock)
  ;[ben, cleo] = [await unlock('ben'), await unlock('cleo')]
})

beforeEach(() => {
  root = workspace.copy()
})

describe('removing an operator', () => {
  test('shuts him out, takes his copies and his key file, and names his grants', async () => {
    mkdirSync(keystoreFile('factors'), { mode: 0o700 })
    writeFileSync(keystoreFile('factors', 'ben.totp'), 'sealed to ben', { mode: 0o600 })
    expect(await hasTotp(root, 'ben')).toBe(true)
    expect(await remove('ben')).toEqual({ listed: true, granted: [ID], damaged: [] })
    expect(await hasTotp(root, 'ben')).toBe(false)
    expect((await listOperators(root)).map(({ name }) => name)).toEqual(['ada', 'cleo'])
    expect(existsSync(keystoreFile('operators', 'ben.key'))).toBe(false)
    expect(holdersOf('records')).toEqual(['ada', 'cleo'])
    expect(holdersOf('certificate')).toEqual(['ada', 'cleo'])
    await expect(unlock('ben')).rejects.toMatchObject({ kind: 'config' })
    await expect(openProject(root, ben, ID)).rejects.toMatchObject({ kind: 'policy' })
    await expect(openRecordsKeys(root, ben)).rejects.toMatchObject({ kind: 'policy' })
    expect((await openProject(root, ada, ID)).ledgerKey.length).toBe(32)
  })

  test('a lead too, and what he signed is signed anew', async () => {
    expect(await remove('ada', cleo)).toEqual({ listed: true, granted: [ID], damaged: [] })
    expect(holdersOf('certificate')).toEqual(['cleo'])
    await expect(openCertificateSigner(root, ada)).rejects.toMatchObject({ kind: 'policy' })
    expect(readFileSync(keystoreFile('projects', `${ID}.json`), 'utf8')).toContain('"signer":"cleo"')
    expect((await openProject(root, ben, ID)).ledgerKey.length).toBe(32)
  })

  test('nobody removes himself, nor somebody who never was, and only a lead removes', async () => {
    await expect(remove('ada')).rejects.toMatchObject({ kind: 'policy', code: 'OWN_REMOVAL' })
    await expect(remove('eve')).rejects.toMatchObject({ kind: 'config', code: 'NO_OPERATOR' })
    await expect(remove('cleo', ben)).rejects.toMatchObject({ kind: 'policy', code: 'NOT_LEAD' })
    await remove('cleo')
    await expect(remove('ada')).rejects.toThrow('the last lead')
    expect((await listOperators(root)).map(({ name }) => name)).toEqual(['ada', 'ben'])
  })

  test('twice is safe, and the name stays taken', async () => {
    await remove('ben')
    expect(await remove('ben')).toEqual({ listed: false, granted: [ID], damaged: [] })
    const person = { name: 'ben', role: 'engineer', passphrase: secretOf('x'), kdf: 'interactive' } as const
    await expect(addOperator(root, ada, person, systemClock)).rejects.toMatchObject({ code: 'OPERATOR_EXISTS' })
  })

  test('the list from before, with the key file from before, opens no project and is found', async () => {
    const before = ['operators.json', 'records.json', 'operators/ben.key'].map(
      (name) => [name, readFileSync(keystoreFile(name))] as const,
    )
    await remove('ben')
    for (const [name, bytes] of before) writeFileSync(keystoreFile(name), bytes, { mode: 0o600 })
    await expect(openProject(root, ben, ID)).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(openProject(root, ada, ID)).rejects.toThrow('the list of operators is older')
  })

  test('a document that a removed lead signs afterwards counts for nothing', async () => {
    const before = readFileSync(keystoreFile('projects', `${ID}.json`))
    await remove('ada', cleo)
    writeFileSync(keystoreFile('projects', `${ID}.json`), before)
    await expect(openProject(root, ben, ID)).rejects.toMatchObject({ code: 'SIGNER_REMOVED' })
  })

  test('a damaged document is named and not signed', async () => {
    const path = keystoreFile('projects', `${ID}.json`)
    const damaged = readFileSync(path, 'utf8').replace('\\"generation\\":1', '\\"generation\\":2')
    writeFileSync(path, damaged)
    expect(await remove('ben')).toEqual({ listed: true, granted: [], damaged: [ID] })
    expect(readFileSync(path, 'utf8')).toBe(damaged)
  })

  test.each([0, 1, 2, 3, 4, 5])(
    'killed after %i steps and called again, by another lead too, it ends the same',
    async (steps) => {
      killAfter(steps)
      await expect(remove('ben')).rejects.toThrow('killed')
      disarm()
      expect(disk.killed).toBe(true)
      if (steps > 0) await expect(unlock('ben')).rejects.toMatchObject({ kind: 'config' })
      expect(await remove('ben', cleo)).toMatchObject({ granted: [ID], damaged: [] })
      expect((await listOperators(root)).map(({ name }) => name)).toEqual(['ada', 'cleo'])
      expect([holdersOf('records'), holdersOf('certificate')]).toEqual([
        ['ada', 'cleo'],
        ['ada', 'cleo'],
      ])
      expect(existsSync(keystoreFile('operators', 'ben.key'))).toBe(false)
      expect((await openProject(root, ada, ID)).ledgerKey.length).toBe(32)
    },
  )

  test('has six steps: one more and it comes to its end', async () => {
    killAfter(6)
    expect(await remove('ben')).toMatchObject({ listed: true })
    expect(disk).toEqual({ left: 0, killed: false })
    disarm()
  })
})
