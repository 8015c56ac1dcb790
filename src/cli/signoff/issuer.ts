import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CERTIFICATE_FILE,
  CERTIFICATE_FOLDER,
  CERTIFICATE_NAMESPACE,
  type DeletionCertificate,
} from '../../core/certificate.ts'
import { SealpostError } from '../../core/errors.ts'
import { syncFolder, writeNewFile } from '../../files/durable.ts'
import { fileError } from '../../files/file-error.ts'
import { renderCertificate } from '../../report/certificate-html.ts'
import { formatCertificate } from '../../signoff/compose-certificate.ts'
import type { CertificateIssuer, IssuedCertificate, SignerFacts } from '../../signoff/ports.ts'
import type { CertificateLanguage } from '../../signoff/state.ts'
import { CERTIFICATE_IDENTITY, formatVerifyText, personIdentity } from '../../signoff/verify-text.ts'
import type { Signer } from '../../../vault/ed25519.ts'
import { minisignKey, minisignKeyFile, signMinisign } from '../../../vault/minisign.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import { allowedSignersLine, sshFingerprint, sshKeyLine } from '../../../vault/ssh-key.ts'
import { signSshsig } from '../../../vault/sshsig.ts'
import { checkCertificate } from './certificate-check.ts'

/** Who signs. The keys are lent. */
export interface CertificateSigners {
  readonly certificate: Signer
  readonly operator: UnlockedOperator
  readonly second: UnlockedOperator | null
}

const DRAFT = /^\.certificate-[0-9a-f]{16}$/

/** Signs and writes the certificate of the project in `folder`. */
export function createIssuer(folder: string, signers: CertificateSigners): CertificateIssuer {
  const { certificate, operator, second } = signers
  const facts = {
    signing: {
      namespace: CERTIFICATE_NAMESPACE,
      keyFingerprint: sshFingerprint(certificate.publicKey),
      publicKey: sshKeyLine(certificate.publicKey, ''),
      minisignKey: minisignKey(certificate.publicKey),
      files: [`${CERTIFICATE_FILE}.sshsig`, `${CERTIFICATE_FILE}.minisig`],
    },
    operator: signerFactsOf(operator, 'operator'),
    second: second === null ? null : signerFactsOf(second, 'second'),
  } as const
  return {
    facts,
    issued: () => readIssued(folder),
    issue: async (document, state) => {
      const bytes = formatCertificate(document)
      const files = await signAll(document, bytes, signers, state.request.language)
      await removeDrafts(folder)
      const draft = join(folder, `.certificate-${randomBytes(8).toString('hex')}`)
      const target = join(folder, CERTIFICATE_FOLDER)
      try {
        await mkdir(draft, { mode: 0o700 })
        for (const [name, content] of files) await writeNewFile(join(draft, name), content)
        await syncFolder(draft)
        await assertGood(join(draft, CERTIFICATE_FILE), facts.signing.keyFingerprint)
        await setAside(folder)
        await rename(draft, target)
        await syncFolder(folder)
      } catch (error) {
        throw fileError(error, 'write', target)
      }
      return { folder: target, id: document.id, bytes, sha256: digestOf(bytes) }
    },
  }
}

/** The certificate that lies in a project folder, or null when there is none that can be read. */
export async function readIssued(folder: string): Promise<IssuedCertificate | null> {
  const target = join(folder, CERTIFICATE_FOLDER)
  const bytes = await readFile(join(target, CERTIFICATE_FILE)).catch(() => null)
  if (bytes === null) return null
  try {
    const { id } = JSON.parse(bytes.toString('utf8')) as { readonly id?: unknown }
    return typeof id === 'string' ? { folder: target, id, bytes, sha256: digestOf(bytes) } : null
  } catch {
    return null
  }
}

async function signAll(
  document: DeletionCertificate,
  bytes: Buffer,
  signers: CertificateSigners,
  language: CertificateLanguage,
): Promise<ReadonlyMap<string, string | Buffer>> {
  const { certificate, operator, second } = signers
  const persons = [[operator, document.people.operator] as const].concat(
    second === null || document.people.second === null ? [] : [[second, document.people.second] as const],
  )
  const comment = `timestamp:${document.issued.at} file:${CERTIFICATE_FILE} certificate:${document.id}`
  const lines = [
    allowedSignersLine(CERTIFICATE_IDENTITY, CERTIFICATE_NAMESPACE, certificate.publicKey),
    ...persons.map(([{ name, publicKey }]) =>
      allowedSignersLine(personIdentity(name), CERTIFICATE_NAMESPACE, publicKey),
    ),
  ]
  const files = new Map<string, string | Buffer>([
    [CERTIFICATE_FILE, bytes],
    [`${CERTIFICATE_FILE}.sshsig`, await signSshsig(certificate, CERTIFICATE_NAMESPACE, bytes)],
    [`${CERTIFICATE_FILE}.minisig`, await signMinisign(certificate, bytes, comment)],
    ['allowed_signers', `${lines.join('\n')}\n`],
    ['minisign.pub', minisignKeyFile(certificate.publicKey)],
    ['VERIFY.txt', formatVerifyText(document)],
    ['deletion-certificate.html', renderCertificate(document, language)],
  ])
  for (const [signer, { signatureFile }] of persons) {
    files.set(signatureFile, await signSshsig(signer, CERTIFICATE_NAMESPACE, bytes))
  }
  return files
}

function signerFactsOf(operator: UnlockedOperator, place: 'operator' | 'second'): SignerFacts {
  return {
    name: operator.name,
    role: operator.role,
    signatureFile: `${CERTIFICATE_FILE}.${place}.sshsig`,
    keyFingerprint: sshFingerprint(operator.publicKey),
    publicKey: sshKeyLine(operator.publicKey, ''),
  }
}

/** What cannot be verified is not handed out: read back from the disk, by the code that a client's check uses. */
async function assertGood(path: string, fingerprint: string): Promise<void> {
  const { good, faults } = await checkCertificate(path, fingerprint)
  if (!good) throw new SealpostError('bug', `the certificate does not verify: ${faults.join('; ')}`)
}

/** Drafts of an attempt that was killed: nobody was ever handed one. */
async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (DRAFT.test(name)) await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** A folder of that name that is there already, such as that of an earlier project, is kept under another name. */
async function setAside(folder: string): Promise<void> {
  const target = join(folder, CERTIFICATE_FOLDER)
  for (let n = 1; existsSync(target); n++) {
    const aside = `${target}-${n}`
    if (!existsSync(aside)) await rename(target, aside)
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
