import type { VolumeRecord } from '../../core/backups.ts'
import { formatInstant } from '../../core/clock.ts'

/** How the audit log names a volume. */
export function volumeId({ set, number }: Pick<VolumeRecord, 'set' | 'number'>): string {
  return `${set.id.slice(0, 12)}-${number}`
}

/** A volume as `--json` shows it. */
export function volumeDocument(volume: VolumeRecord): object {
  const { set, path, handover } = volume
  return {
    file: path,
    backup: set.sequence,
    volume: volume.number,
    last: volume.last,
    account: set.account,
    parent: set.parent?.set ?? null,
    bytes: volume.bytes,
    sha256: volume.sha256,
    messages: volume.messages,
    written: formatInstant(volume.writtenAt),
    recipients: set.recipients,
    removed: volume.removed,
    handover:
      handover === null
        ? null
        : {
            to: handover.to,
            how: handover.how,
            at: formatInstant(handover.at),
            confirmed: handover.confirmed === null ? null : formatInstant(handover.confirmed.at),
          },
  }
}
