import { normalizeFlags, type Listed } from '../../src/core/mail.ts'
import { keywordOf } from './categories.ts'
import { expandOf, integerOf, PROPERTY } from './extended-properties.ts'
import { fieldOf, instantOf, listOf, textOf, type Json } from './json.ts'

/** What a listing asks of each message. */
export const LISTED_QUERY = `$select=id,receivedDateTime,isRead,isDraft,flag,categories&${expandOf(PROPERTY.size, PROPERTY.lastVerb)}`

/** The same for one that is asked for alone: when it was made stands for a date of receipt that it does not have. */
export const ALONE_QUERY = LISTED_QUERY.replace('$select=id,', '$select=id,createdDateTime,')

/** As `listedOf`, of an item asked for alone: what was imported or never sent may have no date of receipt. */
export function listedAloneOf(item: Json): Listed | null {
  return listedOf(item, instantOf(item, 'receivedDateTime') ?? instantOf(item, 'createdDateTime') ?? 0)
}

/** What tells the flags of a message. */
export const FLAGS_QUERY = `$select=id,isRead,isDraft,flag,categories&${expandOf(PROPERTY.lastVerb)}`

/** The flags that an item of Graph has. */
export function flagsOf(item: Json): readonly string[] {
  const flags: string[] = []
  if (fieldOf(item, 'isRead') === true) flags.push('\\Seen')
  if (fieldOf(item, 'isDraft') === true) flags.push('\\Draft')
  if (textOf(fieldOf(item, 'flag'), 'flagStatus') === 'flagged') flags.push('\\Flagged')
  const verb = integerOf(item, PROPERTY.lastVerb)
  if (verb === 102 || verb === 103) flags.push('\\Answered')
  if (verb === 104) flags.push('$Forwarded')
  for (const category of listOf(item, 'categories')) {
    if (typeof category === 'string') flags.push(keywordOf(category))
  }
  return normalizeFlags(flags)
}

/**
 * An item of a listing, or null when the server left out what was asked for, as it does where `$select` meets `$expand`: it
 * is then asked for alone.
 */
export function listedOf(item: Json, internalDate = instantOf(item, 'receivedDateTime')): Listed | null {
  const key = textOf(item, 'id')
  if (key === null || internalDate === null || typeof fieldOf(item, 'isRead') !== 'boolean') return null
  // The size is that of Exchange's own form. It decides nothing.
  return { key, bytes: integerOf(item, PROPERTY.size) ?? 0, internalDate, flags: flagsOf(item) }
}
