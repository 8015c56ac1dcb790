import { systemClock, type Clock } from '../../src/core/clock.ts'
import type { Connector } from '../../src/core/connector.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import type { VerifyContext } from '../../src/verify/verify-project.ts'

/** A verification that two accounts and two lanes of each share, at any hour, and whose events nobody hears. */
export function verifyContext(destination: Connector, ledger: Ledger, clock: Clock = systemClock): VerifyContext {
  return {
    destination,
    ledger,
    clock,
    events: () => undefined,
    accounts: 2,
    lanes: 2,
    memoryBytes: 1 << 26,
    hours: null,
  }
}
