import { readFile } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { fileError } from '../../../vault/files.ts'

/** The certificates to trust, from a file that project.yaml names relative to the project. Throws `config`. */
export async function readCertificates(folder: string, file: string): Promise<Buffer> {
  const path = isAbsolute(file) ? file : resolve(folder, file)
  try {
    return await readFile(path)
  } catch (error) {
    throw fileError(error, 'read the certificates in', path)
  }
}
