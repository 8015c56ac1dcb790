import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { readMaildir, writeMaildir } from '../../scripts/sample/maildir.ts'
import { MAILDIR_YAML, Place, PROGRAM } from '../cli/program.ts'
import { plainMail } from '../faults/mail.ts'
import { difference } from '../faults/stage.ts'
import { expectTold } from './scenario.ts'

const DISK_BYTES = 32 * 1024 * 1024
/** Enough for the ledger to be opened and some mail to be moved, and not for all of it. */
const LEFT_BYTES = 600 * 1024

/** A file system in memory of this size at the folder; throws where nobody may mount one. */
function mount(folder: string): () => void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES},mode=0700`, 'tmpfs', folder], { stdio: 'pipe' })
  return () => void execFileSync('umount', [folder])
}

function whyNoMount(): string | null {
  return process.platform === 'linux' && process.getuid?.() === 0 ? null : 'only root may mount, on Linux'
}

describe.skipIf(whyNoMount() !== null)('a disk that is full', () => {
  it('is told where it took what was printed, and the exit code is not that of success', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealpost-full-'))
    const unmount = mount(folder)
    try {
      writeFileSync(join(folder, 'ballast'), Buffer.alloc(DISK_BYTES - 8192))
      const line = `'${[process.execPath, ...PROGRAM].join("' '")}' help man > '${join(folder, 'page')}'`
      const { exitCode, stderr } = await execa('/bin/sh', ['-c', line], { reject: false })
      expect(stderr).toBe(
        'sealpost: not all was written to stdout: the disk is full. Free some space and try again.',
      )
      expect(exitCode).toBe(1)
    } finally {
      unmount()
      rmSync(folder, { recursive: true })
    }
  })

  it('stops the run cleanly; with room again it goes on to the end, everything once', async () => {
    const place = await Place.open()
    const unmount = mount(place.folder)
    try {
      writeFileSync(place.passphraseFile, 'a passphrase of these tests\n', { mode: 0o600 })
      expect((await place.init()).exitCode).toBe(0)
      await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
      const mail = plainMail(150, { mailboxes: [['INBOX']] })
      await writeMaildir(join(place.project, 'old/anna'), 'maildir++', mail)
      const ballast = join(place.folder, 'ballast')
      const { bavail, bsize } = statfsSync(place.folder)
      writeFileSync(ballast, Buffer.alloc(bavail * bsize - LEFT_BYTES))

      const full = await place.run(['run'])
      expectTold(full, 'full')
      expect(full.exitCode).not.toBe(0)
      expect(full.stderr).toMatch(/full|storage|space/)
      const before = await readMaildir(join(place.project, 'new/anna'), 'maildir++')
      expect(before.length).toBeLessThan(mail.length)
      expect(difference(before, mail).missing).toEqual([])
      // Still full: the same again, and nothing is damaged by it.
      expectTold(await place.run(['run']), 'still full')

      rmSync(ballast)
      const { exitCode, stderr } = await place.run(['run'])
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      const moved = await readMaildir(join(place.project, 'new/anna'), 'maildir++')
      expect(difference(mail, moved)).toEqual({ missing: [], extra: [], identical: mail.length })
      expect((await place.run(['verify', '--level', 'full'])).exitCode).toBe(0)
    } finally {
      unmount()
      await place.close()
    }
  })
})
