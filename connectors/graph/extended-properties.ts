import { fieldOf, listOf, textOf, type Json } from './json.ts'

/** MAPI properties that Graph's own fields do not show (MS-OXPROPS), by their ids in Graph's notation. */
export const PROPERTY = {
  /** PidTagMessageSize */
  size: 'Integer 0x0E08',
  /** PidTagMessageSizeExtended, of a folder */
  folderSize: 'Long 0x0E08',
  /** PidTagLastVerbExecuted: 102 and 103 a reply, 104 a forward */
  lastVerb: 'Integer 0x1081',
  /** PidTagIconIndex, which Outlook shows for the verb */
  icon: 'Integer 0x1080',
  /** PidTagMessageFlags: 0x1 read, 0x8 unsent, which is what makes a draft */
  messageFlags: 'Integer 0x0E07',
  /** PidTagMessageDeliveryTime */
  deliveryTime: 'SystemTime 0x0E06',
  /** PidTagClientSubmitTime */
  submitTime: 'SystemTime 0x0039',
  /** PidTagMessageClass */
  messageClass: 'String 0x001A',
  /** PidTagContainerClass, of a folder */
  containerClass: 'String 0x3613',
  /** Ours: SHA-256 of the message from which a copy was rebuilt. */
  rebuiltFrom: 'String {8e0b7a0e-5b0f-4f0c-9a57-2f6d5a6c9d11} Name SealpostRebuiltFrom',
} as const

/** The `$expand` that brings these properties along. */
export function expandOf(...ids: readonly string[]): string {
  const filter = ids.map((id) => `id eq '${id}'`).join(' or ')
  return `$expand=singleValueExtendedProperties($filter=${encodeURIComponent(filter)})`
}

/** The value of a property that was asked for, or null. Graph spells ids its own way (`Integer 0xe08`). */
export function propertyOf(item: Json, id: string): string | null {
  const wanted = canonical(id)
  for (const property of listOf(item, 'singleValueExtendedProperties')) {
    const found = textOf(property, 'id')
    if (found !== null && canonical(found) === wanted) {
      const value = fieldOf(property, 'value')
      return typeof value === 'string' ? value : null
    }
  }
  return null
}

/** A property that is a whole number, or null. */
export function integerOf(item: Json, id: string): number | null {
  const value = propertyOf(item, id)
  return value !== null && /^-?\d{1,15}$/.test(value) ? Number(value) : null
}

function canonical(id: string): string {
  return id.toLowerCase().replace(/0x0*([0-9a-f]+)$/, '0x$1')
}
