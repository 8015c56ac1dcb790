import { writeFileSync } from 'node:fs'
import { generateBoxKeys } from '../../vault/box.ts'
import { generateSeed, publicKeyOf } from '../../vault/ed25519.ts'
import { sealOperatorKeys } from '../../vault/operator-key.ts'
import { extendOperatorList, readOperatorChain, type OperatorRole } from '../../vault/operator-list.ts'
import type { UnlockedOperator } from '../../vault/operator.ts'
import { keystoreFolder, operatorKeyPath, operatorListPath } from '../../vault/paths.ts'
import { Secret } from '../../vault/secret.ts'

/** Adds an operator to a workspace of a test: a key file of his own, and a list that the lead has signed. */
export async function addOperator(
  home: string,
  lead: UnlockedOperator,
  name: string,
  role: OperatorRole,
  passphrase: string,
): Promise<void> {
  const keystore = keystoreFolder(home)
  const { signed, current } = await readOperatorChain(keystore, lead.firstLead)
  const boxKeys = await generateBoxKeys()
  const seed = generateSeed()
  const entry = { name, role, boxKey: boxKeys.publicKey, signKey: publicKeyOf(seed) }
  const next = { ...current, operators: [...current.operators, entry] }
  const list = await extendOperatorList(signed, next, lead.name, lead)
  const secret = Secret.fromBytes(Buffer.from(passphrase, 'utf8'))
  const keys = await sealOperatorKeys(
    { name, boxKeys, seed, firstLead: lead.firstLead },
    secret,
    null,
    'interactive',
  )
  writeFileSync(operatorKeyPath(keystore, name), keys, { mode: 0o600 })
  writeFileSync(operatorListPath(keystore), list, { mode: 0o600 })
}
