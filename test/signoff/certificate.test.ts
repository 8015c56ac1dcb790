import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { checkCertificate } from '../../src/cli/signoff/certificate-check.ts'
import { CERTIFICATE_FILE, CERTIFICATE_NAMESPACE } from '../../src/core/certificate.ts'
import { ARABIC_TEXTS } from '../../src/report/certificate-texts-ar.ts'
import { renderCertificate } from '../../src/report/certificate-html.ts'
import { CERTIFICATE_IDENTITY, personIdentity } from '../../src/signoff/verify-text.ts'
import { isLong } from '../long.ts'
import { lacking } from '../packages.ts'
import { useSubject } from './place.ts'
import { portsOf, readCertificate, signOff, toldRecords } from './subject.ts'

const template = useSubject()
const noSshKeygen = lacking('openssh-client')
const noMinisign = lacking('minisign')
/** `npm run test:damage` changes each byte of a certificate, `npm test` one in so many. */
const STRIDE = isLong('damage') ? 1 : 41
let kept = ''

/** One folder `certificate/` for all tests here. */
beforeAll(async () => {
  kept = mkdtempSync(join(tmpdir(), 'sealpost-certificate-'))
})
afterAll(() => rmSync(kept, { recursive: true, force: true }))

async function issued(): Promise<string> {
  const folder = join(kept, 'certificate')
  if (readdirSync(kept).length === 0) {
    const subject = template.copy()
    const ports = await portsOf(subject, template.operator(), toldRecords())
    const { certificate } = await signOff(ports, subject, template.operator())
    cpSync(certificate.folder, folder, { recursive: true })
  }
  const copy = mkdtempSync(join(tmpdir(), 'sealpost-certificate-'))
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }))
  cpSync(folder, copy, { recursive: true })
  return copy
}

function sshKeygen(
  folder: string,
  identity: string,
  signature: string,
  namespace = CERTIFICATE_NAMESPACE,
): boolean {
  const words = ['-Y', 'verify', '-f', 'allowed_signers', '-I', identity, '-n', namespace, '-s', signature]
  const input = readFileSync(join(folder, CERTIFICATE_FILE))
  return spawnSync('ssh-keygen', words, { cwd: folder, input }).status === 0
}

function minisign(folder: string): boolean {
  return spawnSync('minisign', ['-V', '-p', 'minisign.pub', '-m', CERTIFICATE_FILE], { cwd: folder }).status === 0
}

/** Calls back with the file in place with one byte changed, at each of these places; puts it right again. */
async function flipping(
  path: string,
  places: (length: number) => Iterable<number>,
  look: (place: number) => Promise<void>,
): Promise<void> {
  const original = readFileSync(path)
  for (const place of places(original.length)) {
    const changed = Buffer.from(original)
    changed.writeUInt8(changed.readUInt8(place) ^ (1 << (place % 8)), place)
    writeFileSync(path, changed)
    await look(place)
  }
  writeFileSync(path, original)
}

function* every(length: number, stride = 1): Generator<number> {
  for (let place = 0; place < length; place += stride) yield place
}

describe('certificate verify', () => {
  test('holds for what was issued, and asks for the key to be compared', async () => {
    const file = join(await issued(), CERTIFICATE_FILE)
    const embedded = await checkCertificate(file, null)
    expect(embedded).toMatchObject({ good: true, trust: 'embedded', faults: [] })
    expect(embedded.checks.map(({ file: name }) => name)).toEqual([
      'deletion-certificate.json.sshsig',
      'deletion-certificate.json.minisig',
      'deletion-certificate.json.operator.sshsig',
    ])
    expect(await checkCertificate(file, embedded.fingerprint)).toMatchObject({ good: true, trust: 'given' })
    const other = `SHA256:${'A'.repeat(43)}`
    expect(await checkCertificate(file, other)).toMatchObject({ good: false, trust: 'given' })
  })

  test('fails for every byte of the certificate that is changed', async () => {
    const file = join(await issued(), CERTIFICATE_FILE)
    let looked = 0
    await flipping(
      file,
      (length) => every(length, STRIDE),
      async (place) => {
        looked++
        expect((await checkCertificate(file, null)).good, `byte ${place}`).toBe(false)
      },
    )
    expect(looked).toBeGreaterThan(10_000 / STRIDE)
    expect((await checkCertificate(file, null)).good).toBe(true)
  }, 300_000)

  test.each(['sshsig', 'minisig', 'operator.sshsig'])(
    'fails for every byte of the .%s that is changed',
    async (end) => {
      const folder = await issued()
      const file = join(folder, CERTIFICATE_FILE)
      await flipping(
        `${file}.${end}`,
        (length) => every(length, Math.ceil(STRIDE / 8)),
        async (place) => {
          expect((await checkCertificate(file, null)).good, `byte ${place}`).toBe(false)
        },
      )
      expect((await checkCertificate(file, null)).good).toBe(true)
    },
  )

  test('fails for a certificate and signatures that do not belong together', async () => {
    const [mine, theirs] = [await issued(), await issued()]
    const other = template.copy()
    const ports = await portsOf(other, template.operator(), toldRecords())
    const { certificate } = await signOff(ports, other, template.operator())
    cpSync(certificate.folder, theirs, { recursive: true, force: true })
    for (const name of [`${CERTIFICATE_FILE}.sshsig`, `${CERTIFICATE_FILE}.minisig`, CERTIFICATE_FILE]) {
      const before = readFileSync(join(mine, name))
      cpSync(join(theirs, name), join(mine, name))
      expect((await checkCertificate(join(mine, CERTIFICATE_FILE), null)).good).toBe(false)
      writeFileSync(join(mine, name), before)
    }
    // The operator's signature in the place of the certificate key's: a good one, by the wrong key.
    cpSync(join(mine, `${CERTIFICATE_FILE}.operator.sshsig`), join(mine, `${CERTIFICATE_FILE}.sshsig`))
    expect((await checkCertificate(join(mine, CERTIFICATE_FILE), null)).good).toBe(false)
  })

  test('says what is missing, and that it does not know a later version', async () => {
    const folder = await issued()
    const file = join(folder, CERTIFICATE_FILE)
    await expect(checkCertificate(join(folder, 'none.json'), null)).rejects.toMatchObject({ kind: 'config' })
    for (const name of ['sshsig', 'minisig', 'operator.sshsig']) {
      const bytes = readFileSync(`${file}.${name}`)
      rmSync(`${file}.${name}`)
      await expect(checkCertificate(file, null)).rejects.toMatchObject({ kind: 'config', code: 'ENOENT' })
      writeFileSync(`${file}.${name}`, bytes)
    }
  })
})

describe.skipIf(noSshKeygen)(`ssh-keygen -Y verify${noSshKeygen === null ? '' : ` (${noSshKeygen})`}`, () => {
  test('accepts every signature, each for its own identity and namespace only', async () => {
    const folder = await issued()
    const [ours, operator] = [`${CERTIFICATE_FILE}.sshsig`, `${CERTIFICATE_FILE}.operator.sshsig`]
    expect(sshKeygen(folder, CERTIFICATE_IDENTITY, ours)).toBe(true)
    expect(sshKeygen(folder, personIdentity('ada'), operator)).toBe(true)
    expect(sshKeygen(folder, personIdentity('ada'), ours)).toBe(false)
    expect(sshKeygen(folder, CERTIFICATE_IDENTITY, ours, 'file')).toBe(false)
  })

  test('accepts nothing that was changed', async () => {
    const folder = await issued()
    const signature = `${CERTIFICATE_FILE}.sshsig`
    const refuse = async (place: number): Promise<void> => {
      expect(sshKeygen(folder, CERTIFICATE_IDENTITY, signature), `byte ${place}`).toBe(false)
    }
    await flipping(join(folder, CERTIFICATE_FILE), (length) => every(length, 397), refuse)
    // The line end after the last line is no part of the armor.
    await flipping(join(folder, signature), (length) => every(length - 1, 5), refuse)
  })

  test('does what VERIFY.txt says', async () => {
    const folder = await issued()
    const text = readFileSync(join(folder, 'VERIFY.txt'), 'utf8')
    const commands = text.split('\n').filter((line) => /^ {4}(?:ssh-keygen|minisign) /.test(line))
    expect(commands).toHaveLength(3)
    for (const command of noMinisign === null ? commands : commands.slice(0, 2)) {
      const { status, stdout } = spawnSync('sh', ['-c', command.trim()], { cwd: folder, encoding: 'utf8' })
      expect(status, command).toBe(0)
      if (command.includes('-I certificate')) expect(text).toContain(/SHA256:\S+/.exec(stdout)?.[0])
    }
    const windows = text.split('\n').filter((line) => line.trim().startsWith('cmd /c "'))
    expect(windows.map((line) => `    ${line.trim().slice('cmd /c "'.length, -1)}`)).toEqual(commands.slice(0, 2))
  })
})

describe.skipIf(noMinisign)(`minisign -V${noMinisign === null ? '' : ` (${noMinisign})`}`, () => {
  test('accepts the signature, and nothing that was changed', async () => {
    const folder = await issued()
    expect(minisign(folder)).toBe(true)
    const refuse = async (place: number): Promise<void> => {
      expect(minisign(folder), `byte ${place}`).toBe(false)
    }
    await flipping(join(folder, CERTIFICATE_FILE), (length) => every(length, 397), refuse)
    const path = join(folder, `${CERTIFICATE_FILE}.minisig`)
    // minisign does not look at the untrusted comment, nor behind the last line; `certificate verify` does.
    const from = readFileSync(path, 'utf8').indexOf('\n') + 1
    const places = (length: number): number[] => [...every(length - 1, 5)].filter((place) => place >= from)
    await flipping(path, places, refuse)
  })
})

describe('the rendering', () => {
  test.each(['en', 'ar'] as const)('in %s names itself one, loads nothing and runs nothing', async (language) => {
    const certificate = readCertificate(readFileSync(join(await issued(), CERTIFICATE_FILE)))
    const page = renderCertificate(certificate, language)
    expect(page).toContain(language === 'ar' ? '<html lang="ar" dir="rtl">' : '<html lang="en" dir="ltr">')
    expect(page).toContain(language === 'ar' ? 'غير موقّعة' : 'not authoritative')
    expect(page).toContain(`default-src 'none'`)
    expect(page).not.toMatch(/<(?:script|link|img|iframe|object|form)\b|\b(?:src|href)=|url\(|@import|\son\w+=/i)
    const risks = certificate.residualRisks.map(({ text }) =>
      language === 'ar' ? (ARABIC_TEXTS[text] ?? text) : text,
    )
    for (const text of risks) expect(page).toContain(text.slice(0, 20))
    for (const { sha256 } of certificate.keys.commitments) expect(page).toContain(sha256)
    expect(page).toContain(certificate.signing.keyFingerprint)
    expect(page).toContain(certificate.id)
  })

  test('says that a delivery is certified where the certificate does, and else that it is not', async () => {
    const certificate = readCertificate(readFileSync(join(await issued(), CERTIFICATE_FILE)))
    expect(certificate.delivery.certified).toBe(true)
    const shown = (certified: boolean): string =>
      renderCertificate({ ...certificate, delivery: { ...certificate.delivery, certified } }, 'en')
    expect(shown(true)).toMatch(/>Certified</)
    expect(shown(true)).not.toMatch(/>Not certified</)
    expect(shown(false)).toMatch(/>Not certified</)
    expect(shown(false)).not.toMatch(/>Certified</)
  })

  test('in Arabic leaves no sentence in English that every certificate has', async () => {
    const certificate = readCertificate(readFileSync(join(await issued(), CERTIFICATE_FILE)))
    const { objects, residualRisks, delivery, sanitization, keys, legalHold, backups } = certificate
    const always = [
      ...objects.flatMap(({ what, protection, outcome }) => [what, protection, outcome]),
      ...residualRisks.filter(({ state }) => state === 'inherent').map(({ text }) => text),
      ...[delivery.text, sanitization.medium, keys.chain, keys.escrow, legalHold, backups.text],
    ]
    expect(always.filter((text) => ARABIC_TEXTS[text] === undefined)).toEqual([])
    expect(Object.values(ARABIC_TEXTS).filter((text) => !/[\u0600-\u06ff]/.test(text))).toEqual([])
    const page = renderCertificate(certificate, 'ar')
    for (const text of always) expect(page).not.toContain(text)
  })

  test('escapes whatever a name holds, and lets no name turn the writing round', async () => {
    const certificate = readCertificate(readFileSync(join(await issued(), CERTIFICATE_FILE)))
    const client = `<script>alert(1)</script>"'&\u202egnp.exe\u0007`
    const page = renderCertificate({ ...certificate, project: { ...certificate.project, client } }, 'en')
    expect(page).not.toContain('<script')
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;')
    for (const harmful of ['\u0007', '\u202e']) expect(page).not.toContain(harmful)
  })
})
