import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A key that costs next to nothing to make: RSA takes a tenth of a second or more, and every server has two. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** A certificate of a test and its key, as files and as text. */
export interface Certificate {
  readonly certificateFile: string
  readonly keyFile: string
  readonly certificate: string
}

/** A certificate authority that lives in one folder of a test. */
export interface Authority extends Certificate {
  readonly folder: string
}

/** Makes an authority in `folder`. */
export async function makeAuthority(folder: string): Promise<Authority> {
  const keyFile = join(folder, 'ca.key')
  const certificateFile = join(folder, 'ca.pem')
  await run('openssl', [
    ...['req', '-x509', ...NEW_KEY, '-days', '30', '-sha256', '-subj', '/CN=Sealpost test authority'],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ...['-keyout', keyFile, '-out', certificateFile],
  ])
  return { folder, keyFile, certificateFile, certificate: await readFile(certificateFile, 'utf8') }
}

/** What is unusual about a certificate. */
export interface CertificateOptions {
  /** Subject alternative names in openssl's form; this machine's by default. */
  readonly names?: string
  /** Expired since yesterday. */
  readonly expired?: boolean
  /** Signed by itself. */
  readonly selfSigned?: boolean
}

/** Issues a certificate for this machine's names, or a broken one. */
export async function issue(
  authority: Authority,
  name: string,
  options: CertificateOptions = {},
): Promise<Certificate> {
  const { folder } = authority
  const keyFile = join(folder, `${name}.key`)
  const requestFile = join(folder, `${name}.csr`)
  const certificateFile = join(folder, `${name}.pem`)
  const extensions = join(folder, `${name}.ext`)
  const names = options.names ?? 'DNS:localhost,IP:127.0.0.1,IP:::1'
  await writeFile(extensions, `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`)
  const subject = ['-subj', '/CN=Sealpost test server']
  await run('openssl', ['req', ...NEW_KEY, ...subject, '-keyout', keyFile, '-out', requestFile])
  const signer = options.selfSigned
    ? ['-signkey', keyFile]
    : ['-CA', authority.certificateFile, '-CAkey', authority.keyFile, '-CAcreateserial']
  const days = options.expired === true ? ['-days', '-1'] : ['-days', '30']
  await run('openssl', [
    ...['x509', '-req', '-sha256', '-in', requestFile, '-extfile', extensions, ...signer, ...days],
    ...['-out', certificateFile],
  ])
  return { keyFile, certificateFile, certificate: await readFile(certificateFile, 'utf8') }
}
