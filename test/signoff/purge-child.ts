/**
 * Signs a subject off and kills itself at one call of a port, so that no `finally` runs and no lock is let go:
 *
 *   node purge-child.mjs ROOT PROJECT CALL WHEN
 *
 * Says `began` once the purge has written its journal, and `ended` when it came to its end.
 */
import { writeSync } from 'node:fs'
import { Secret } from '../../vault/secret.ts'
import { unlockOperator } from '../../vault/operator.ts'
import { withKiller } from './killer.ts'
import { portsOf, signOff, subjectAt, toldRecords } from './subject.ts'

const [root = '', projectId = '', call = '', when = ''] = process.argv.slice(2)
const subject = subjectAt(root, projectId)
const passphrase = Secret.fromBytes(Buffer.from('correct horse battery staple', 'utf8'))
const ada = await unlockOperator(subject.home, { operator: 'ada', systemUser: 'nobody', passphrase })
const ports = await portsOf(subject, ada, toldRecords())
const point = { call: Number(call), when: when === 'before' ? 'before' : 'after' } as const
const killer = withKiller(ports, point, () => process.kill(process.pid, 'SIGKILL'))
writeSync(1, 'began\n')
await signOff(killer.ports, subject, ada)
writeSync(1, 'ended\n')
