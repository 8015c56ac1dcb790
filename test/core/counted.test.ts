import { expect, test } from 'vitest'
import { counted, formatCount } from '../../src/core/counted.ts'

test.each([
  [0, '0 messages', '0 mailboxes are'],
  [1, '1 message', '1 mailbox is'],
  [2, '2 messages', '2 mailboxes are'],
  [1234, '1,234 messages', '1,234 mailboxes are'],
])('%i agrees with its noun', (count, messages, mailboxes) => {
  expect(counted(count, 'message')).toBe(messages)
  expect(counted(count, 'mailbox is', 'mailboxes are')).toBe(mailboxes)
})

test('numbers have a comma every three digits', () => {
  expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567'])
})
