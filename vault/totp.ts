import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Secret as OtpSecret, TOTP } from 'otpauth'
import { SealpostError } from '../src/core/errors.ts'
import { writePrivateFile } from '../src/files/durable.ts'
import { ensurePrivateFolder, readPrivateFile } from '../src/files/private-files.ts'
import { makeGuess, type GuessWatch } from './attempts.ts'
import { sealToKey } from './box.ts'
import { eraseFile } from './erase-file.ts'
import { parseFields, readBytes, readChoice, readInteger, readText, requireFormat } from './fields.ts'
import { withFileLock } from '../src/files/file-lock.ts'
import { assertOperatorName } from './names.ts'
import { readTrustedList, type UnlockedOperator } from './operator.ts'
import { findOperator } from './operator-list.ts'
import { factorFolder, keystoreFolder } from './paths.ts'
import { wipe } from './secret.ts'
import { readSignedText, SIGNED_MEMBERS, signText, verifyText, writeSignedText } from './signed-text.ts'

/** The code of the error for a code that is not the present one, nor a neighbour. */
export const WRONG_CODE = 'WRONG_CODE'

/** RFC 6238 with what every authenticator knows: SHA-1, six digits, 30 seconds. */
const PERIOD_S = 30
const DIGITS = 6
/** Steps to either side of the present one that are good, for clocks that differ. */
const SKEW_STEPS = 1
const NEW_SECRET_BYTES = 20
const LEAST_SECRET_BYTES = 16
const MOST_SECRET_BYTES = 64

const FORMAT = 'sealpost-second-factor'
const PURPOSE = 'sealpost/v1/second-factor'

interface Enrolled {
  readonly sealed: Buffer
  /** The last step whose code was accepted: no code up to it is good again. */
  readonly used: number
}

/** A new secret of 160 bits (RFC 4226 section 4); the caller wipes it. */
export function newTotpSecret(): Buffer {
  return randomBytes(NEW_SECRET_BYTES)
}

/** Reads a secret in base32 (RFC 4648 section 6), as devices and services show it; the caller wipes it. Throws `config`. */
export function parseTotpSecret(text: string): Buffer {
  const clean = text.replace(/[\s-]/g, '').replace(/=+$/, '').toUpperCase()
  const bytes = /^[A-Z2-7]+$/.test(clean) ? Buffer.from(OtpSecret.fromBase32(clean).bytes) : Buffer.alloc(0)
  if (bytes.length >= LEAST_SECRET_BYTES && bytes.length <= MOST_SECRET_BYTES) return bytes
  throw new SealpostError('config', 'the secret is no base32 text of 16 to 64 bytes', {
    hint: 'it has the letters A to Z and the digits 2 to 7',
  })
}

/** What an authenticator is given: the secret in base32, and the address that it can take instead. */
export function describeTotp(operator: string, secret: Buffer): { readonly base32: string; readonly uri: string } {
  const totp = totpOf(secret, operator)
  return { base32: totp.secret.base32, uri: totp.toString() }
}

/** Whether the operator has enrolled TOTP. */
export async function hasTotp(root: string, operator: string): Promise<boolean> {
  return (await readPrivateFile(pathOf(root, operator))) !== null
}

/**
 * Enrols TOTP for the operator, whose first code shows that the authenticator has the secret; that code is used up. Throws
 * `config` when it is enrolled already, `locked` for a wrong code.
 */
export async function enrolTotp(
  root: string,
  operator: UnlockedOperator,
  secret: Buffer,
  code: string,
  watch: GuessWatch,
): Promise<void> {
  await withFactor(root, operator, watch, async (path, now) => {
    if ((await readPrivateFile(path)) !== null) {
      throw new SealpostError('config', `${operator.name} has enrolled TOTP already`, {
        hint: 'remove it first: sealpost operator totp remove',
      })
    }
    const entry = findOperator(await readTrustedList(root, operator), operator.name)
    if (entry === undefined) throw new SealpostError('policy', `${operator.name} is no operator of this workspace`)
    const used = stepOf(secret, operator.name, code, now)
    await write(path, operator, { sealed: await sealToKey(entry.boxKey, labelsOf(operator.name), secret), used })
  })
}

/**
 * Takes a code of the operator's. A wrong one is counted and slows the next (`makeGuess`). A code is accepted once: it is
 * on the disk as used before this returns. Throws `locked` for a wrong or a used one, `config` when nothing is enrolled,
 * `corrupt` when the file was changed.
 */
export async function acceptTotp(
  root: string,
  operator: UnlockedOperator,
  readCode: () => Promise<string>,
  watch: GuessWatch,
): Promise<void> {
  const { name } = operator
  await makeGuess(
    keystoreFolder(root),
    name,
    'code',
    watch,
    async () => {
      const code = await readCode()
      await withFactor(root, operator, watch, async (path, now) => {
        const { sealed, used } = await read(path, operator)
        const secret = await operator.openSealed(labelsOf(name), sealed)
        try {
          const step = stepOf(secret, name, code, now)
          if (step <= used) {
            throw new SealpostError('locked', `this code of ${name} was used already`, {
              hint: `wait for the next one: ${PERIOD_S} seconds at most`,
              code: 'USED_CODE',
            })
          }
          await write(path, operator, { sealed, used: step })
        } finally {
          wipe(secret)
        }
      })
    },
    (error) => error instanceof SealpostError && error.code === WRONG_CODE,
  )
}

/** Overwrites and removes what an operator has enrolled; false when there was nothing. Twice is safe. */
export async function removeTotp(root: string, operator: string): Promise<boolean> {
  assertOperatorName(operator)
  return (await eraseFile(pathOf(root, operator))).existed
}

async function withFactor(
  root: string,
  { name }: UnlockedOperator,
  { clock }: GuessWatch,
  work: (path: string, now: number) => Promise<void>,
): Promise<void> {
  await ensurePrivateFolder(factorFolder(keystoreFolder(root)))
  const path = pathOf(root, name)
  await withFileLock(`${path}.lock`, clock, () => work(path, clock.now()))
}

/** The step that the code is of. Throws `locked`. */
function stepOf(secret: Buffer, operator: string, code: string, now: number): number {
  const token = code.replace(/\s/g, '')
  // No delta at all is null; 0 is the present step.
  const delta = /^\d{6}$/.test(token)
    ? totpOf(secret, operator).validate({ token, timestamp: now, window: SKEW_STEPS })
    : null
  if (delta !== null) return Math.floor(now / 1000 / PERIOD_S) + delta
  throw new SealpostError('locked', `wrong code for operator ${operator}`, {
    hint: 'if the authenticator shows this very code, compare the clocks of both',
    code: WRONG_CODE,
  })
}

function totpOf(secret: Buffer, operator: string): TOTP {
  // A copy of its own: a Buffer's memory may be a larger one's.
  const buffer = new Uint8Array(secret).buffer
  return new TOTP({
    issuer: 'Sealpost',
    label: operator,
    secret: new OtpSecret({ buffer }),
    algorithm: 'SHA1',
    digits: DIGITS,
    period: PERIOD_S,
  })
}

async function write(path: string, operator: UnlockedOperator, { sealed, used }: Enrolled): Promise<void> {
  const text = JSON.stringify({ operator: operator.name, kind: 'totp', sealed: sealed.toString('base64'), used })
  const signed = writeSignedText(await signText(operator.name, operator, PURPOSE, text))
  await writePrivateFile(
    path,
    Buffer.from(`${JSON.stringify({ format: FORMAT, version: 1, ...signed })}\n`, 'utf8'),
  )
}

async function read(path: string, operator: UnlockedOperator): Promise<Enrolled> {
  const what = `the second factor of ${operator.name}`
  const bytes = await readPrivateFile(path)
  if (bytes === null) {
    throw new SealpostError('config', `${operator.name} has no TOTP enrolled`, { code: 'NOT_ENROLLED' })
  }
  const fields = parseFields(bytes.toString('utf8'), what, ['format', 'version', ...SIGNED_MEMBERS])
  requireFormat(fields, FORMAT, 1)
  const signed = readSignedText(fields)
  verifyText(signed, operator.publicKey, PURPOSE, what)
  const inner = parseFields(signed.text, what, ['operator', 'kind', 'sealed', 'used'])
  readChoice(inner, 'kind', ['totp'])
  if (readText(inner, 'operator') !== operator.name) {
    throw new SealpostError('corrupt', `${what} belongs to another operator`)
  }
  return { sealed: readBytes(inner, 'sealed', null), used: readInteger(inner, 'used', 0, Number.MAX_SAFE_INTEGER) }
}

function pathOf(root: string, operator: string): string {
  return join(factorFolder(keystoreFolder(root)), `${operator}.totp`)
}

function labelsOf(operator: string): readonly string[] {
  return ['second factor', operator]
}
