import { isAbsolute, resolve } from 'node:path'
import { SealpostError } from '../../core/errors.ts'
import { readTrustedFile } from '../../files/plain-files.ts'

/** The certificates to trust, from a file that project.yaml names relative to the project. Throws `config`. */
export async function readCertificates(folder: string, file: string): Promise<Buffer> {
  const path = isAbsolute(file) ? file : resolve(folder, file)
  const content = await readTrustedFile(path, 'read the certificates in')
  // What is none would be passed over in silence, and the server's certificate be blamed.
  if (!content.includes('-----BEGIN CERTIFICATE-----')) {
    throw new SealpostError('config', `${path} holds no certificate`, {
      hint: 'tls.ca names a PEM file, which has a line -----BEGIN CERTIFICATE-----',
      code: 'NO_CERTIFICATE',
    })
  }
  return content
}
