import { SealpostError } from '../../core/errors.ts'
import { openAgeFile } from '../../../vault/age.ts'
import { readRecovery, type Recovery } from '../../../vault/recovery.ts'
import { readIdentity } from '../backup/read-identity.ts'
import type { CommandContext } from '../context.ts'
import { readDescriptorWhole } from './secret-input.ts'

const MAX_RECOVERY_BYTES = 4 * 1024 * 1024

/** Where the recovery comes from: a file with the identity that opens it, or a descriptor with what was in one. */
export interface RecoverySource {
  readonly identity?: string
  readonly fd?: number
}

/** Opens a recovery file; the caller wipes its key. Throws `config` for wrong usage, `locked` for another identity. */
export async function readRecoveryFile(
  file: string | undefined,
  { identity, fd }: RecoverySource,
  { stop }: CommandContext,
): Promise<Recovery> {
  if (fd !== undefined && file === undefined && identity === undefined) {
    return parse(await readDescriptorWhole(fd, 'the recovery', stop))
  }
  if (file === undefined || identity === undefined || fd !== undefined) {
    throw new SealpostError('config', 'give a recovery file with --identity FILE, or --fd N', {
      hint: 'where age opens it by other means: age -d FILE | sealpost operator recovery use --fd 0 …',
      code: 'USAGE',
    })
  }
  const key = await readIdentity(identity)
  try {
    return await parse(await openAgeFile(key, file, MAX_RECOVERY_BYTES, `${file} is no recovery file`))
  } finally {
    key.wipe()
  }
}

async function parse(plain: Buffer): Promise<Recovery> {
  try {
    return await readRecovery(plain.toString('utf8'))
  } finally {
    plain.fill(0)
  }
}
