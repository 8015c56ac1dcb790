import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkCertificate } from '../../src/cli/signoff/certificate-check.ts'
import { CERTIFICATE_FILE, CERTIFICATE_NAMESPACE, METHOD_ERASE } from '../../src/core/certificate.ts'
import { signerOf } from '../../vault/ed25519.ts'
import { signMinisign } from '../../vault/minisign.ts'
import { sshFingerprint } from '../../vault/ssh-key.ts'
import { signSshsig } from '../../vault/sshsig.ts'

/** Whoever makes a certificate of his own signs it well: what it says is all that is left to be judged. */
const forger = signerOf(Buffer.alloc(32, 9))
const keyFingerprint = sshFingerprint(forger.publicKey)
const signatureFile = `${CERTIFICATE_FILE}.operator.sshsig`
const person = { name: 'ada', role: 'lead', signatureFile, keyFingerprint }
const LEAST = {
  format: 'sealpost-deletion-certificate',
  version: 1,
  id: 'urn:uuid:676ebc2d-e7bd-4a04-a51e-9ce1e7b2166a',
  issued: { at: '2026-11-27T02:11:13Z' },
  project: { id: '9d675b69-78b0-48d5-af03-996e8ce79a7d', client: 'ACME' },
  delivery: { certified: true },
  sanitization: { method: METHOD_ERASE },
  people: { operator: person, second: null },
  signing: { keyFingerprint },
}

/** A folder with a document that is signed well, in every form. */
async function signed(document: object): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-certificate-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const bytes = Buffer.from(JSON.stringify(document))
  const file = join(folder, CERTIFICATE_FILE)
  const armor = await signSshsig(forger, CERTIFICATE_NAMESPACE, bytes)
  writeFileSync(file, bytes)
  writeFileSync(`${file}.sshsig`, armor)
  writeFileSync(join(folder, signatureFile), armor)
  writeFileSync(`${file}.minisig`, await signMinisign(forger, bytes, 'of a forger'))
  return file
}

test('the least that a certificate says is enough', async () => {
  expect(await checkCertificate(await signed(LEAST), keyFingerprint)).toMatchObject({ good: true, faults: [] })
})

const without = (name: keyof typeof LEAST): object => ({ ...LEAST, [name]: undefined })

test.each([
  ['no operator', { ...LEAST, people: { second: null } }],
  ['an operator of nothing', { ...LEAST, people: { ...LEAST.people, operator: null } }],
  [
    'an operator whose signature is nowhere',
    { ...LEAST, people: { ...LEAST.people, operator: { ...person, signatureFile: 5 } } },
  ],
  ['a second person who is none', { ...LEAST, people: { operator: person, second: 'bela' } }],
  ['nothing of a second person', { ...LEAST, people: { operator: person } }],
  ['persons in a list', { ...LEAST, people: [person] }],
  ['a delivery that is "no"', { ...LEAST, delivery: { certified: 'no' } }],
  ['no delivery', without('delivery')],
  ['no date', without('issued')],
  ['no method', without('sanitization')],
  ['a client that is no text', { ...LEAST, project: { ...LEAST.project, client: {} } }],
])('with %s it is no certificate, whoever signed it', async (_, document) => {
  const refused = { kind: 'config', code: 'UNKNOWN_VERSION' }
  await expect(checkCertificate(await signed(document), null)).rejects.toMatchObject(refused)
})

test('a signature file that leads elsewhere is not followed', async () => {
  for (const name of ['..', '../other.sshsig', '-rf', '/etc/passwd']) {
    const operator = { ...person, signatureFile: name }
    const { good, faults } = await checkCertificate(
      await signed({ ...LEAST, people: { operator, second: null } }),
      null,
    )
    expect(good, name).toBe(false)
    expect(faults).toEqual(['the certificate names a signature file that is none'])
  }
})

test.each(['', '.sshsig', '.minisig', '.operator.sshsig'])(
  'a pipe in the place of the certificate%s is refused and does not hang',
  async (end) => {
    const file = await signed(LEAST)
    rmSync(`${file}${end}`)
    expect(spawnSync('mkfifo', [`${file}${end}`]).status).toBe(0)
    const message = `${file}${end} is not a plain file`
    await expect(checkCertificate(file, null)).rejects.toMatchObject({ kind: 'config', message })
  },
)
