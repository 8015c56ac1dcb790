import { url } from 'node:inspector'
import { SealpostError } from '../core/errors.ts'

/** What the process was started with. */
export interface Start {
  readonly argv: readonly string[]
  readonly execArgv: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
}

const SECRET_OPTION = /^--?(?:.*-)?(?:password|passwd|passphrase|pass|pw|secret|token|api-?key)$/i

/** Runtime options that would show memory, keys or the environment, or weaken TLS. */
const REFUSED_RUNTIME =
  /^--(?:inspect|debug|heapsnapshot|heap-prof|cpu-prof|trace-event|abort-on-uncaught|tls-keylog|trace-tls|report|tls-min-v1\.[01]|tls-cipher-list|use-openssl-ca|insecure-http|openssl-(?:config|shared-config|legacy))/

/** Options that load code into the process. On the command line of Node they are the starter's own; in the environment anybody's. */
const REFUSED_LOADING = /^(?:-r$|--(?:require|import|loader|experimental-loader|env-file)$)/

/** Variables that Node or OpenSSL obey by themselves, and what they would do. */
const REFUSED_VARIABLES: Readonly<Record<string, string>> = {
  NODE_DEBUG: 'prints what goes over connections',
  NODE_DEBUG_NATIVE: 'prints what goes on inside Node',
  SSLKEYLOGFILE: 'asks for the keys of TLS connections to be written down',
  OPENSSL_CONF: 'changes how OpenSSL works',
}

/**
 * Refuses to work in an unsafe start: secrets in the command line or the environment, a debugger or dump that would
 * show them, TLS verification switched off. Throws `config`, naming the thing and never its value.
 */
export function guardStart(start: Start): void {
  guardArguments(start.argv)
  guardEnvironment(start.environment)
  guardRuntime(start)
}

/**
 * Refuses to go on while a debugger can be attached: a signal that came before anybody listened for it may have opened
 * one. Throws `config`.
 */
export function assertNoDebugger(): void {
  if (url() === undefined) return
  throw new SealpostError('config', 'a debugger of Node is open, which can show keys', {
    hint: 'start again; something sent SIGUSR1, or asked for a debugger',
    code: 'UNSAFE_RUNTIME',
  })
}

function guardArguments(argv: readonly string[]): void {
  for (const argument of argv) {
    if (argument === '--') return
    const name = argument.split('=', 1)[0] ?? ''
    if (!SECRET_OPTION.test(name)) continue
    throw new SealpostError('config', `${name} is refused: every user of this machine can read a command line`, {
      hint: 'give secrets at the prompt, or with --secret-fd, --secret-file, --passphrase-fd or --passphrase-file; a secret that was typed here is in the shell history and should be changed',
      code: 'SECRET_IN_ARGUMENTS',
    })
  }
}

function guardEnvironment(environment: Start['environment']): void {
  for (const name of Object.keys(environment)) {
    if (!/^SEALPOST_/i.test(name) || name === 'SEALPOST_HOME') continue
    const secret = /PASS|SECRET|TOKEN|KEY|CREDENTIAL|PW/i.test(name)
    throw new SealpostError(
      'config',
      secret
        ? `${name} is set in the environment, and secrets are never taken from there`
        : `${name} is set in the environment, and sealpost reads nothing but SEALPOST_HOME from there`,
      {
        hint: secret ? 'unset it, and use --passphrase-fd N, --passphrase-file F or --secret-fd N' : 'unset it',
        code: secret ? 'SECRET_IN_ENVIRONMENT' : 'UNKNOWN_ENVIRONMENT',
      },
    )
  }
  if (environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    throw new SealpostError(
      'config',
      'NODE_TLS_REJECT_UNAUTHORIZED=0 switches the verification of certificates off',
      {
        hint: 'unset it, and name the certificate authority in project.yaml (tls: {ca: FILE}) or pin the certificate',
        code: 'TLS_NOT_VERIFIED',
      },
    )
  }
  for (const [name, effect] of Object.entries(REFUSED_VARIABLES)) {
    if ((environment[name] ?? '') === '') continue
    throw new SealpostError('config', `${name} is set in the environment: it ${effect}`, {
      hint: 'unset it for sealpost',
      code: 'UNSAFE_ENVIRONMENT',
    })
  }
}

function guardRuntime(start: Start): void {
  const fromOptions = (start.environment['NODE_OPTIONS'] ?? '').split(/[\s"']+/)
  const nameOf = (option: string): string => (option.split('=', 1)[0] ?? '').replaceAll('_', '-')
  const refuse = (name: string, effect: string): SealpostError =>
    new SealpostError('config', `Node was started with ${name}, which can ${effect}`, {
      hint: 'start sealpost without it, and without it in NODE_OPTIONS',
      code: 'UNSAFE_RUNTIME',
    })
  for (const name of [...start.execArgv, ...fromOptions].map(nameOf)) {
    if (REFUSED_RUNTIME.test(name)) throw refuse(name, 'show keys or weaken TLS')
  }
  const loading = fromOptions.map(nameOf).find((name) => REFUSED_LOADING.test(name))
  if (loading !== undefined) throw refuse(loading, 'load foreign code into the process that sees keys')
}
