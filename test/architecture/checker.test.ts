import { describe, expect, it } from 'vitest'
import { check } from './checker.ts'

/** What the checker says about one made-up file, without the path and the line. */
function said(path: string, text: string, decisions = ''): string[] {
  return check([{ path, text }], decisions).map((line) => line.replace(/^[^ ]+:\d+: /, ''))
}

describe('the checker lets pass', () => {
  it.each([
    ['src/engine/transfer.ts', "import type { Body } from '../core/mail.ts'\nimport PQueue from 'p-queue'"],
    ['src/engine/transfer.ts', "import { lease } from './lease.ts'"],
    ['src/core/digest.ts', "import { createHash } from 'node:crypto'"],
    ['src/core/clock.ts', '/** Doc. */\nexport const now = () => Date.now()\nsetTimeout(now, 1)'],
    ['src/cli/run.ts', "import { a } from '../engine/run.ts'\nimport { b } from '../../connectors/imap/c.ts'"],
    ['src/cli/run.ts', "const zod = await import('zod')\nprocess.exit(Number(process.env.X))"],
    ['src/ledger/rows.ts', "import { open } from '../sqlite/open.ts'\nconst sql = 'SELECT a FROM b'"],
    ['src/sqlite/open.ts', "import Database from 'better-sqlite3'\ndb.exec('PRAGMA synchronous=FULL')"],
    ['connectors/imap/list.ts', "import { x } from '../shared/names.ts'\nconst select = 'SELECT INBOX'"],
    ['connectors/imap/list.ts', 'const at = new Date(0)\nclock.setTimeout\nconst x = { setTimeout: 1 }'],
    ['vault/keystore.ts', "import sodium from 'libsodium-wrappers-sumo'"],
  ])('%s: %s', (path, text) => {
    expect(said(path, text)).toEqual([])
  })
})

describe('the checker finds', () => {
  it.each([
    ['src/core/mail.ts', "import { a } from '../engine/a.ts'", 'src/core may not import src/engine/a.ts'],
    ['src/core/mail.ts', "import { readFile } from 'node:fs'", 'src/core may not use node:fs'],
    ['src/core/mail.ts', "import net = require('x')\nimport tls from 'node:tls'", 'src/core may not use node:tls'],
    ['src/engine/run.ts', "import { a } from '../ledger/a.ts'", 'src/engine may not import src/ledger/a.ts'],
    ['src/engine/run.ts', "import { a } from '../cli/a.ts'", 'src/engine may not import src/cli/a.ts'],
    [
      'src/verify/run.ts',
      "const a = await import('../../connectors/imap/a.ts')",
      'src/verify may not import connectors/imap/a.ts',
    ],
    ['src/engine/run.ts', "import type { A } from '../../vault/a.ts'", 'src/engine may not import vault/a.ts'],
    ['src/engine/run.ts', "type A = import('../ledger/a.ts').A", 'src/engine may not import src/ledger/a.ts'],
    [
      'connectors/imap/a.ts',
      "import { b } from '../maildir/b.ts'",
      'connectors/imap may not import connectors/maildir/b.ts',
    ],
    ['vault/a.ts', "import { b } from '../src/ledger/b.ts'", 'vault may not import src/ledger/b.ts'],
    ['vault/a.ts', "import { b } from '../test/b.ts'", 'vault may not import test/b.ts'],
    ['connectors/imap/a.ts', "import { b } from './b.js'", './b.js does not end in .ts'],
    ['connectors/imap/a.ts', "import { b } from 'fs'", 'fs without node:'],
    ['src/engine/a.ts', "import tar from 'tar-stream'", 'tar-stream is imported outside of connectors/archive'],
    [
      'connectors/maildir/a.ts',
      "import c from 'tar-stream/pack.js'",
      'tar-stream is imported outside of connectors/archive',
    ],
    ['src/engine/a.ts', "import z from '@scope/pad/deep.js'", '@scope/pad has no home in the table'],
    ['src/engine/a.ts', "import x from 'left-pad'", 'left-pad has no home in the table'],
    ['src/cli/a.ts', 'const x = await import(name)', 'a computed name has no home in the table'],
    ['src/engine/a.ts', 'Date.now()', 'Date.now outside of src/core/clock.ts'],
    ['src/engine/a.ts', "Date['now']()", 'Date.now outside of src/core/clock.ts'],
    ['src/engine/a.ts', 'new Date()', 'new Date() outside of src/core/clock.ts'],
    ['src/engine/a.ts', 'const now = Date()', 'Date() outside of src/core/clock.ts'],
    ['src/engine/a.ts', 'Math.random()', 'Math.random outside of src/core/clock.ts'],
    ['src/engine/a.ts', 'const later = setTimeout', 'setTimeout outside of src/core/clock.ts'],
    ['src/engine/a.ts', 'globalThis.setInterval(f, 1)', 'setInterval outside of src/core/clock.ts'],
    ['src/cli/a.ts', 'performance.now()', 'performance.now outside of src/core/clock.ts'],
    [
      'src/cli/a.ts',
      "import { setTimeout as wait } from 'node:timers/promises'",
      'node:timers/promises outside of src/core/clock.ts',
    ],
    ['vault/a.ts', 'process.env.HOME', 'process.env outside of src/cli'],
    ['connectors/imap/a.ts', 'process.exit(1)', 'process.exit outside of src/cli'],
    ['connectors/imap/a.ts', "import process from 'node:process'", 'node:process outside of src/cli'],
    [
      'src/engine/a.ts',
      'const q = `SELECT a FROM ${table}`',
      'SQL (SELECT) outside of src/ledger and src/records',
    ],
    ['src/sqlite/a.ts', "db.exec('create table a (b)')", 'SQL (CREATE) outside of src/ledger and src/records'],
    ['src/cli/a.ts', "db.exec('PRAGMA key')", 'SQL (PRAGMA) outside of src/ledger and src/records'],
    ['src/engine/a.ts', "console.log('x')", 'console.log outside of src/cli'],
    ['vault/a.ts', "process.stderr.write('x')", 'process.stderr outside of src/cli'],
    ['src/engine/a.ts', 'enum A { B }', 'enum'],
    ['src/engine/a.ts', 'namespace A { const b = 1 }', 'namespace'],
    ['src/engine/a.ts', 'export default 1', 'default export'],
    ['src/engine/a.ts', '/** Doc. */\nexport default function a() {}', 'default export'],
    ['src/engine/a.ts', 'const a = 1\nexport { a }', 'export list'],
    ['src/engine/a.ts', "export * from './b.ts'", 're-export (a barrel)'],
    ['src/engine/a.ts', 'const a: any = 1', 'any'],
    ['src/engine/index.ts', 'const a = 1', 'index.ts (a barrel)'],
    ['src/engine/runLoop.ts', 'const a = 1', 'file name is not kebab-case'],
    ['src/other/a.ts', 'const a = 1', 'lies in no folder of the table'],
    ['connectors/pop3/a.ts', 'const a = 1', 'lies in no folder of the table'],
    ['src/engine/a.ts', 'export const a = 1', 'export a has no doc comment'],
    ['src/engine/a.ts', '// no doc\nexport function a() {}', 'export a has no doc comment'],
    ['src/engine/a.ts', 'export interface A {}', 'export A has no doc comment'],
    ['src/engine/a.ts', '/* one star */\nexport class A {}', 'export A has no doc comment'],
  ])('%s: %s', (path, text, expected) => {
    expect(said(path, text)).toContain(expected)
  })

  it('a second file that writes to the terminal', () => {
    const one = { path: 'src/cli/output.ts', text: "process.stdout.write('a')" }
    expect(check([one], '')).toEqual([])
    const two = { path: 'src/cli/run.ts', text: "console.error('b')" }
    expect(check([one, two], '')).toEqual([
      'more than one file writes to the terminal: src/cli/output.ts src/cli/run.ts',
    ])
  })

  it('a file of more than 400 lines, unless a decision names it', () => {
    const text = '// line\n'.repeat(401)
    expect(said('src/engine/a.ts', text)).toEqual(['more than 400 lines without a reason in docs/decisions'])
    expect(said('src/engine/a.ts', text, 'src/engine/a.ts is one table')).toEqual([])
    expect(said('src/engine/a.ts', '// line\n'.repeat(400))).toEqual([])
  })

  it('the line at which it stands', () => {
    expect(check([{ path: 'vault/a.ts', text: '\n\nconst a: any = 1\n' }], '')).toEqual(['vault/a.ts:3: any'])
  })
})
