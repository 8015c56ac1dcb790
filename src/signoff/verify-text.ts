import { CERTIFICATE_FILE, CERTIFICATE_NAMESPACE, type DeletionCertificate } from '../core/certificate.ts'

/** Identity of the certificate key in `allowed_signers`. */
export const CERTIFICATE_IDENTITY = 'certificate'

/** Identity of a signing person in `allowed_signers`. */
export function personIdentity(name: string): string {
  return `operator-${name}`
}

/** The text of `VERIFY.txt`: how anybody checks the certificate with tools that are not ours. */
export function formatVerifyText(certificate: DeletionCertificate): string {
  const { signing, people } = certificate
  const persons = [people.operator, ...(people.second === null ? [] : [people.second])]
  const check = (identity: string, signature: string): string =>
    `ssh-keygen -Y verify -f allowed_signers -I ${identity} -n ${CERTIFICATE_NAMESPACE} -s ${signature} < ${CERTIFICATE_FILE}`
  const checks = [
    check(CERTIFICATE_IDENTITY, `${CERTIFICATE_FILE}.sshsig`),
    ...persons.map(({ name, signatureFile }) => check(personIdentity(name), signatureFile)),
  ]
  const minisign = `minisign -V -m ${CERTIFICATE_FILE} -P ${signing.minisignKey}`
  const indented = (lines: readonly string[]): string => lines.map((line) => `    ${line}`).join('\n')
  return `How to check this deletion certificate
======================================

${CERTIFICATE_FILE} is the certificate. It is signed as it is, byte for byte: do not open and save it again.
The HTML page beside it is a rendering for reading and printing, and proves nothing.

The key that signed it has the fingerprint

    ${signing.keyFingerprint}

COMPARE IT with the fingerprint that you were given when the project began. A certificate that is checked with the key
that lies beside it shows only that both come from the same hand.

Open a terminal in this folder and type the lines of your system. Each ssh-keygen line must answer
"Good "${CERTIFICATE_NAMESPACE}" signature for ..." and name the fingerprint; the first line must name the one above.


Linux and macOS (ssh-keygen is there already)

${indented(checks)}


Windows 10 and later (ssh-keygen is there already; cmd, since PowerShell has no "<")

${indented(checks.map((line) => `cmd /c "${line}"`))}


A second, independent tool on any system: minisign (https://jedisct1.github.io/minisign/)

${indented([minisign])}

It must answer "Signature and comment signature verified".


With Sealpost, which needs neither its vault nor the project for this:

${indented([`sealpost certificate verify ${CERTIFICATE_FILE} --key ${signing.keyFingerprint}`])}

(with the fingerprint that you were given, not the one that stands here).


The fields are explained in docs/certificate.md of Sealpost; their schema is docs/schemas/deletion-certificate.schema.json.
`
}
