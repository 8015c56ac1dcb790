import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { METHOD_DELETION, METHOD_ERASE, type EnvironmentFinding } from '../../src/core/certificate.ts'
import { parseLsblk, readDisk, UNKNOWN_DISK } from '../../src/signoff/disks.ts'
import { inspectWorkstation } from '../../src/signoff/inspect-workstation.ts'
import { nameMethod } from '../../src/signoff/method.ts'
import { mountOf, overwriteOf, parseMounts } from '../../src/signoff/mounts.ts'
import type { KeyErasure, KeyFacts, Workstation } from '../../src/signoff/state.ts'

/** A stand-in for /sys: paths and what they hold; a value that begins with `->` is a link. */
function sysfs(entries: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'sealpost-sys-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(entries)) {
    const path = join(root, name)
    mkdirSync(dirname(path), { recursive: true })
    if (content.startsWith('->')) symlinkSync(join(root, content.slice(2)), path)
    else writeFileSync(path, content)
  }
  return root
}

describe('mounts', () => {
  const mounts = parseMounts(
    [
      'rootfs / rootfs rw 0 0',
      '/dev/sda2 / ext4 rw,relatime,data=journal 0 0',
      '/dev/sdb1 /media/my\\040disk btrfs rw,discard 0 0',
      'garbage',
      'tmpfs /home tmpfs rw 0 0',
      '',
    ].join('\n'),
  )

  test('are read with their escapes, and the deepest one decides', () => {
    expect(mountOf('/var/lib', mounts)).toMatchObject({ type: 'ext4', point: '/' })
    expect(mountOf('/media/my disk/x', mounts)).toMatchObject({ type: 'btrfs', options: ['rw', 'discard'] })
    expect(mountOf('/home', mounts)).toMatchObject({ type: 'tmpfs' })
    // Not below it, though it begins alike.
    expect(mountOf('/homes/x', mounts)).toMatchObject({ point: '/' })
    expect(mountOf('/x', [])).toBeNull()
  })

  test('what is not known to overwrite in place is called unknown', () => {
    expect(overwriteOf('ext4')).toBe('in place')
    expect(overwriteOf('btrfs')).toBe('copy-on-write')
    for (const type of ['overlay', 'nfs4', 'fuse.sshfs', '9p', 'ntfs3', ''])
      expect(overwriteOf(type)).toBe('unknown')
  })
})

describe('disks', () => {
  test('a partition on an encrypted volume leads to the disk below it', async () => {
    const root = sysfs({
      'dev/block/253:1': '->devices/dm-1',
      'devices/dm-1/slaves/dm-0': '->devices/dm-0',
      'devices/dm-1/dm/uuid': 'LVM-abc\n',
      'devices/dm-0/slaves/sda2': '->devices/sda/sda2',
      'devices/dm-0/dm/uuid': 'CRYPT-LUKS2-0123-root\n',
      'devices/sda/sda2/partition': '2\n',
      'devices/sda/queue/rotational': '0\n',
      'devices/sda/device/model': 'Samsung SSD 870 \n',
      'devices/sda/device/vendor': 'ATA     \n',
      'block/dm-0/dm/uuid': 'CRYPT-LUKS2-0123-root\n',
      'block/dm-0/dm/name': 'root\n',
    })
    const disk = await readDisk('253:1', parseLsblk('{"blockdevices":[{"name":"sda","serial":"S5PX"}]}'), root)
    expect(disk).toEqual({
      manufacturer: 'ATA',
      model: 'Samsung SSD 870',
      serial: 'S5PX',
      mediaType: 'flash (not rotational)',
      encryption: 'encrypted (dm-crypt, LUKS2)',
      snapshots: [],
    })
  })

  test('a snapshot of a volume is seen, and what cannot be read says so', async () => {
    const root = sysfs({
      'dev/block/8:0': '->devices/sdb',
      'devices/sdb/queue/rotational': '1\n',
      'block/dm-3/dm/uuid': 'LVM-abc-cow\n',
      'block/dm-3/dm/name': 'vg-home_snapshot-cow\n',
    })
    expect(await readDisk('8:0', null, root)).toMatchObject({
      manufacturer: 'not readable',
      model: 'not readable',
      serial: 'not readable',
      snapshots: ['vg-home_snapshot-cow'],
    })
    expect(await readDisk('9:9', null, root)).toEqual(UNKNOWN_DISK)
  })

  test('what lsblk says is taken only when it is what it should be', () => {
    for (const text of ['', '[]', '{"blockdevices":3}', 'null']) expect(parseLsblk(text)).toBeNull()
    expect(parseLsblk('{"blockdevices":[{"name":"sda","model":null}, {}]}')?.get('sda')).toEqual({
      model: null,
      serial: null,
    })
  })
})

describe('the name of the method', () => {
  const good = (code: string): EnvironmentFinding => ({ code, state: 'good', text: `${code} is fine` })
  const workstation = (over: readonly EnvironmentFinding[] = []): Workstation => ({
    manufacturer: 'm',
    model: 'm',
    serial: 's',
    mediaType: 't',
    fileSystem: 'f',
    diskEncryption: 'e',
    hostSha256: 'h',
    user: 'u',
    operatingSystem: 'o',
    findings: ['file-system', 'copy-on-write', 'journal', 'snapshots'].map(
      (code) => over.find((finding) => finding.code === code) ?? good(code),
    ),
  })
  const keys: KeyFacts = {
    known: true,
    slotExisted: true,
    slotPlace: 'keystore',
    slotFolder: '/slots',
    wrappedKeys: 5,
    commitments: [],
  }
  const erasure: KeyErasure = { slot: 'destroyed', slotBytes: 128_000, readBackDiffers: true, documents: 1 }

  test('is cryptographic erase only where everything that decides is known and good', () => {
    expect(nameMethod(workstation(), keys, erasure, true).method).toBe(METHOD_ERASE)
    for (const code of ['file-system', 'copy-on-write', 'journal', 'snapshots']) {
      for (const state of ['adverse', 'unknown'] as const) {
        const { method, because } = nameMethod(workstation([{ code, state, text: 'told' }]), keys, erasure, true)
        expect(method).toBe(METHOD_DELETION)
        expect(because).toContain('told')
      }
    }
    expect(nameMethod({ ...workstation(), findings: [] }, keys, erasure, true).method).toBe(METHOD_DELETION)
    expect(nameMethod(workstation(), { ...keys, slotExisted: false }, erasure, true).method).toBe(METHOD_DELETION)
  })

  test('never claims a Clear or a Purge of the medium', () => {
    for (const name of [METHOD_ERASE, METHOD_DELETION]) expect(name).not.toMatch(/\b(?:clear|purge|destroy)/i)
    expect(nameMethod(workstation(), keys, erasure, true).medium).toMatch(/^no Clear, Purge or Destroy/)
  })
})

test('every fact about this very machine is stated, one way or another', async () => {
  const found = await inspectWorkstation({ slotFolder: tmpdir(), projectFolder: tmpdir(), user: 'tester' })
  for (const value of Object.values(found)) expect(value).not.toBe('')
  const codes = found.findings.map(({ code }) => code)
  expect(codes).toEqual([
    'file-system',
    'copy-on-write',
    'journal',
    'project-file-system',
    'snapshots',
    'disk-encryption',
    'swap',
    'hibernation',
    'core-dumps',
    'sync-folder',
    'backup-software',
  ])
  expect(found.findings.every(({ text }) => text.length > 5)).toBe(true)
  const nowhere = await inspectWorkstation({ slotFolder: '/no/such', projectFolder: '/no/such', user: '' })
  expect(nowhere).toMatchObject({ fileSystem: 'unknown', user: 'unknown', serial: 'unknown' })
  expect(nowhere.findings.filter(({ code }) => code === 'file-system')).toMatchObject([{ state: 'unknown' }])
})
