import { dirname, join, resolve } from 'node:path'
import {
  CERTIFICATE_FILE,
  CERTIFICATE_FORMAT,
  CERTIFICATE_NAMESPACE,
  CERTIFICATE_VERSION,
  type DeletionCertificate,
  type SigningPerson,
} from '../../core/certificate.ts'
import { SealpostError } from '../../core/errors.ts'
import { codeOf } from '../../core/system-faults.ts'
import { readPlainFile } from '../../files/plain-files.ts'
import { verifyMinisign } from '../../../vault/minisign.ts'
import { sshFingerprint } from '../../../vault/ssh-key.ts'
import { verifySshsig } from '../../../vault/sshsig.ts'

/** The check of one signature. */
export interface SignatureCheck {
  readonly file: string
  readonly by: string
  readonly good: boolean
  /** Of the key that signed; null when the signature is not good. */
  readonly fingerprint: string | null
}

/** What came of checking a certificate. */
export interface CertificateVerdict {
  readonly good: boolean
  /** `given`: the key is the one that was named. `embedded`: it lay beside the file, and has yet to be compared. */
  readonly trust: 'given' | 'embedded'
  readonly fingerprint: string | null
  readonly checks: readonly SignatureCheck[]
  /** What is wrong, one clause each. */
  readonly faults: readonly string[]
  readonly certificate: DeletionCertificate
}

const MAX_BYTES = 64 * 1024 * 1024
/** Exactly as they are written: what no signature covers, such as a line end, must not vary either. */
const ARMOR =
  /^-----BEGIN SSH SIGNATURE-----\n(?:[A-Za-z0-9+/]{76}\n)*[A-Za-z0-9+/=]{1,76}\n-----END SSH SIGNATURE-----\n$/
const MINISIG =
  /^untrusted comment: signature of a Sealpost document\n[A-Za-z0-9+/=]+\ntrusted comment: [^\r\n]*\n[A-Za-z0-9+/=]+\n$/

/**
 * Checks a certificate with what lies beside it: the signature of the certificate key in both forms, those of the persons it
 * names, its format and version. Needs no keys and no project. A certificate that does not hold is returned as not good;
 * throws `config` when there is nothing to check (a file that is missing, or that is no certificate of a known version).
 */
export async function checkCertificate(path: string, key: string | null): Promise<CertificateVerdict> {
  const file = resolve(path)
  const bytes = await readOrRefuse(file)
  const sshsig = await readOrRefuse(`${file}.sshsig`)
  const minisig = await readOrRefuse(`${file}.minisig`)
  const faults: string[] = []
  const checks: SignatureCheck[] = []
  const note = (name: string, by: string, publicKey: Buffer | null): void => {
    const good = publicKey !== null
    checks.push({ file: name, by, good, fingerprint: good ? sshFingerprint(publicKey) : null })
    if (!good) faults.push(`${name} is not a good signature by ${by}`)
  }
  const certificateKey = checkSshsig(sshsig, bytes)
  note(`${nameOf(file)}.sshsig`, 'the certificate key', certificateKey)
  // The second signature is good only under the same key: there is one certificate key.
  const same = certificateKey !== null && checkMinisig(minisig, certificateKey, bytes)
  note(`${nameOf(file)}.minisig`, 'the certificate key', same ? certificateKey : null)
  const fingerprint = certificateKey === null ? null : sshFingerprint(certificateKey)
  if (key !== null && fingerprint !== null && fingerprint !== key) {
    faults.push(`it was signed with another key than the one given (${key})`)
  }
  const certificate = parse(bytes, faults.length > 0)
  if (fingerprint !== null && certificate.signing.keyFingerprint !== fingerprint) {
    faults.push('the certificate names another certificate key than the one that signed it')
  }
  // What no good signature covers is not followed.
  for (const person of certificateKey === null ? [] : personsOf(certificate)) {
    const name = person.signatureFile
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
      faults.push('the certificate names a signature file that is none')
      continue
    }
    const signer = checkSshsig(await readOrRefuse(join(dirname(file), name)), bytes)
    const named = signer !== null && sshFingerprint(signer) === person.keyFingerprint ? signer : null
    note(name, `${person.role} ${person.name}`, named)
  }
  const good = faults.length === 0
  return { good, trust: key === null ? 'embedded' : 'given', fingerprint, checks, faults, certificate }
}

function checkSshsig(armor: Buffer, bytes: Buffer): Buffer | null {
  const text = armor.toString('latin1')
  return ARMOR.test(text) ? verifySshsig(text, CERTIFICATE_NAMESPACE, bytes) : null
}

function checkMinisig(file: Buffer, publicKey: Buffer, bytes: Buffer): boolean {
  const text = file.toString('utf8')
  if (!MINISIG.test(text) || !Buffer.from(text, 'utf8').equals(file)) return false
  return verifyMinisign(publicKey, bytes, text) !== null
}

/** The content, once the version is known. A file whose signature is bad may hold anything: it is shown as far as it can be. */
function parse(bytes: Buffer, doubtful: boolean): DeletionCertificate {
  let value: unknown = null
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    // Told below.
  }
  if (isCertificate(value)) return value
  if (doubtful) return UNREADABLE
  throw new SealpostError('config', 'the file is no deletion certificate of a version that this program knows', {
    hint: 'a newer Sealpost may know it; ssh-keygen and minisign check its signatures whatever its version',
    code: 'UNKNOWN_VERSION',
  })
}

/** Stands for a content that no good signature covers. */
const UNREADABLE = {
  id: 'unknown',
  project: { client: 'unknown' },
  people: { operator: null, second: null },
  signing: { keyFingerprint: 'unknown' },
} as unknown as DeletionCertificate

/** True where all that is told and followed here is what the schema says: a certificate without its operator is none. */
function isCertificate(value: unknown): value is DeletionCertificate {
  const { format, version, id, issued, project, delivery, sanitization, people, signing } = fieldsOf(value)
  if (format !== CERTIFICATE_FORMAT || version !== CERTIFICATE_VERSION) return false
  const { operator, second } = fieldsOf(people)
  const told = [
    id,
    fieldsOf(issued)['at'],
    fieldsOf(project)['id'],
    fieldsOf(project)['client'],
    fieldsOf(sanitization)['method'],
    fieldsOf(signing)['keyFingerprint'],
  ]
  return (
    told.every((text) => typeof text === 'string') &&
    typeof fieldsOf(delivery)['certified'] === 'boolean' &&
    isPerson(operator) &&
    (second === null || isPerson(second))
  )
}

function isPerson(value: unknown): boolean {
  const { name, role, signatureFile, keyFingerprint } = fieldsOf(value)
  return [name, role, signatureFile, keyFingerprint].every((text) => typeof text === 'string')
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function personsOf({ people }: DeletionCertificate): readonly SigningPerson[] {
  return [people.operator as SigningPerson | null, people.second].filter((person) => person !== null)
}

async function readOrRefuse(path: string): Promise<Buffer> {
  try {
    return await readPlainFile(path, 'read', MAX_BYTES)
  } catch (error) {
    if (codeOf(error) === 'EISDIR') {
      throw new SealpostError('config', `${path} is a folder`, {
        hint: `name the ${CERTIFICATE_FILE} in it`,
        code: 'EISDIR',
      })
    }
    if (codeOf(error) !== 'ENOENT') throw error
    throw new SealpostError('config', `there is no file ${path}`, {
      hint: 'certificate and signatures stay together in one folder',
      code: 'ENOENT',
    })
  }
}

function nameOf(path: string): string {
  return path.slice(dirname(path).length).replace(/^[/\\]/, '')
}
