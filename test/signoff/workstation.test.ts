import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { METHOD_DELETION, METHOD_ERASE, type EnvironmentFinding } from '../../src/core/certificate.ts'
import { parseLsblk, readDisk, UNKNOWN_DISK } from '../../src/signoff/disks.ts'
import { coreFindingOf } from '../../src/signoff/inspect-memory.ts'
import { snapshotFinding } from '../../src/signoff/inspect-storage.ts'
import { openPorts, runtimeFinding, umaskFinding, versionFinding } from '../../src/signoff/inspect-system.ts'
import { inspectWorkstation } from '../../src/signoff/inspect-workstation.ts'
import { nameMethod } from '../../src/signoff/method.ts'
import { mountOf, overwriteOf, parseMounts } from '../../src/signoff/mounts.ts'
import type { KeyErasure, KeyFacts, Workstation } from '../../src/signoff/state.ts'
import { withAdvice } from '../../src/signoff/workstation-advice.ts'

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

const PROCESS = { node: '20.20.2', nodeIsPacked: false, umask: 0o022, options: [], variables: [] }

describe('this very machine', () => {
  test('has every fact stated, one way or another', async () => {
    const facts = { user: 'tester', privateFolders: [tmpdir()], process: PROCESS, now: Date.UTC(2026, 0, 1) }
    const found = await inspectWorkstation({ slotFolder: tmpdir(), projectFolder: tmpdir(), ...facts })
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
      'permissions',
      'umask',
      'listeners',
      'clock',
      'runtime',
      'versions',
      'backup-software',
    ])
    expect(found.findings.every(({ text }) => text.length > 5)).toBe(true)
    for (const finding of found.findings) {
      expect(withAdvice({ ...finding, state: 'adverse' }, false).hint, finding.code).not.toBeNull()
      expect(withAdvice({ ...finding, state: 'good' }, false).hint).toBeNull()
    }
    // Others may enter the folder of temporary files.
    expect(found.findings.find(({ code }) => code === 'permissions')).toMatchObject({ state: 'adverse' })
  })

  test('that shows nothing is called unknown', async () => {
    const nowhere = await inspectWorkstation({
      slotFolder: '/no/such',
      projectFolder: '/no/such',
      privateFolders: ['/no/such'],
      user: '',
      process: { ...PROCESS, umask: null },
      now: 0,
    })
    expect(nowhere).toMatchObject({ fileSystem: 'unknown', user: 'unknown', serial: 'unknown' })
    for (const code of ['file-system', 'project-file-system', 'umask']) {
      expect(nowhere.findings.find((finding) => finding.code === code)).toMatchObject({ state: 'unknown' })
    }
  })
})

describe('what the system says', () => {
  test.each([
    ['1', '|/usr/lib/systemd/systemd-coredump %P', 'good'],
    ['1', 'core', 'good'],
    ['0', 'core.%p', 'good'],
    // The kernel pipes them whatever the limit is, but for one byte.
    ['0', '|/usr/share/apport/apport %p', 'adverse'],
    ['0', 'unknown', 'adverse'],
    ['unlimited', 'core', 'adverse'],
    ['4096', 'core', 'adverse'],
  ])('core dumps with a limit of %s and the pattern %s', (limit, pattern, state) => {
    expect(coreFindingOf(limit, pattern).state).toBe(state)
  })

  test('ports that only this machine can call are not open', () => {
    const row = (address: string, state: string): string =>
      `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0`
    const header = '  sl  local_address rem_address   st'
    const table = [
      header,
      row('0100007F:1F90', '0A'),
      row('3500007F:0035', '0A'),
      row('00000000:0016', '0A'),
      row('0A01A8C0:01BB', '01'),
      row('00000000000000000000000001000000:0277', '0A'),
      row('0000000000000000FFFF00000100007F:0278', '0A'),
      row('00000000000000000000000000000000:0050', '0A'),
      '',
    ].join('\n')
    expect(openPorts(table)).toEqual([22, 80])
    expect(openPorts('')).toEqual([])
  })

  test.each([
    [0o077, 'good'],
    [0o022, 'good'],
    [0o027, 'good'],
    [0o000, 'adverse'],
    [0o004, 'adverse'],
  ])('a umask of %o', (umask, state) => {
    expect(umaskFinding(umask).state).toBe(state)
  })

  test('a release of Node has an end', () => {
    expect(versionFinding(PROCESS, Date.UTC(2026, 3, 30, 23)).state).toBe('good')
    expect(versionFinding(PROCESS, Date.UTC(2026, 4, 2)).state).toBe('adverse')
    expect(versionFinding({ ...PROCESS, node: '21.0.0' }, 0).state).toBe('unknown')
  })

  test('Node packed with the program is named as such, and is replaced with the archive', () => {
    const advised = (nodeIsPacked: boolean): string => {
      const finding = versionFinding({ ...PROCESS, nodeIsPacked }, Date.UTC(2026, 4, 2))
      const { text, hint } = withAdvice(finding, nodeIsPacked)
      return `${text}: ${hint ?? ''}`
    }
    expect(advised(false)).toMatch(/^Node 20\.20\.2 has had no .*: install a release of Node/)
    expect(advised(true)).toMatch(
      /^Node 20\.20\.2 \(packed with sealpost\) has had no .*: unpack an archive in its place/,
    )
  })

  test('options of Node and variables that load code are named', () => {
    expect(runtimeFinding(PROCESS).state).toBe('good')
    expect(runtimeFinding({ ...PROCESS, options: ['--import'], variables: ['LD_PRELOAD'] })).toMatchObject({
      state: 'adverse',
      text: 'Node was started with --import, LD_PRELOAD',
    })
  })

  test('snapshots of a file system of its own are seen below the mount', async () => {
    const point = mkdtempSync(join(tmpdir(), 'sealpost-mount-'))
    onTestFinished(() => rmSync(point, { recursive: true, force: true }))
    const mount = { device: '/dev/sda1', point, type: 'ext4', options: [] }
    const disk = { ...UNKNOWN_DISK, snapshots: [] }
    expect(await snapshotFinding(mount, disk)).toMatchObject({ state: 'good' })
    mkdirSync(join(point, '.zfs/snapshot/daily-1'), { recursive: true })
    expect(await snapshotFinding(mount, disk)).toMatchObject({ state: 'adverse' })
    expect((await snapshotFinding(mount, disk)).text).toContain('.zfs/snapshot/daily-1')
  })
})
