import { Option, type Command } from 'commander'
import { SealpostError } from '../../core/errors.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

/** `certificate verify`: needs no vault and no project. */
export function addCertificate(program: Command, start: Start): void {
  const group = program.command('certificate').description('deletion certificates')
  group
    .command('verify')
    .description('check the signatures of a deletion certificate; needs no passphrase and no project')
    .argument('<file>', 'deletion-certificate.json, with its signatures beside it')
    .addOption(new Option('--key <fingerprint>', 'the fingerprint that was given at the start: SHA256:…'))
    .action((file: string, options: { readonly key?: string }) =>
      start((context) => verify(file, options.key ?? null, context)),
    )
}

async function verify(file: string, key: string | null, context: CommandContext): Promise<ExitCode> {
  const { checkCertificate } = await import('../signoff/certificate-check.ts')
  const { output } = context
  const verdict = await checkCertificate(file, key === null ? null : toFingerprint(key))
  const { good, trust, fingerprint, checks, faults, certificate } = verdict
  for (const check of checks) {
    const mark = check.good ? output.paint('green', 'good') : output.paint('red', 'BAD ')
    output.line(
      `${mark}  ${check.file}  by ${check.by}${check.fingerprint === null ? '' : `  ${check.fingerprint}`}`,
    )
  }
  for (const fault of faults) output.warn(fault)
  if (good) {
    output.line(`certificate ${certificate.id} of ${certificate.issued.at} for ${certificate.project.client}`)
    output.line(`method: ${certificate.sanitization.method}`)
    output.line(
      `delivery: ${certificate.delivery.certified ? 'certified' : 'not certified: the project was abandoned'}`,
    )
  }
  if (good && trust === 'embedded') {
    output.line('trust: embedded')
    output.line(
      output.paint(
        'yellow',
        `The key was found beside the file. Compare its fingerprint with the one given when the project began: ${fingerprint ?? ''}`,
      ),
    )
  }
  if (good && trust === 'given') output.line('trust: the key is the one that you named')
  output.document({
    good,
    trust: good ? trust : null,
    fingerprint,
    checks,
    faults,
    certificate: good
      ? {
          id: certificate.id,
          issued: certificate.issued.at,
          client: certificate.project.client,
          project: certificate.project.id,
          method: certificate.sanitization.method,
          deliveryCertified: certificate.delivery.certified,
        }
      : null,
  })
  return good ? EXIT.complete : EXIT.failed
}

/** `SHA256:` may be left out; base64 without padding, as `ssh-keygen -l` prints it. */
function toFingerprint(text: string): string {
  const digest = text
    .trim()
    .replace(/^SHA256:/i, '')
    .replace(/=+$/, '')
  if (/^[A-Za-z0-9+/]{43}$/.test(digest)) return `SHA256:${digest}`
  throw new SealpostError('config', '--key needs a fingerprint: SHA256: and 43 characters', {
    hint: 'it was printed by sealpost init, and ssh-keygen -l prints it',
  })
}
