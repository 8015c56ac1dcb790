import { describe, expect, it } from 'vitest'
import { beginsMessage, readFromLine } from '../../connectors/mbox/from-line.ts'

const DATED = Buffer.from('From anna@example.com Tue Mar 10 12:00:00 2026')
const UNDATED = Buffer.from('From what I have heard, nothing came of it')

describe('a line that begins with From_', () => {
  it('says who sent the message, and when', () => {
    expect(readFromLine(DATED)).toEqual({ sender: 'anna@example.com', date: Date.UTC(2026, 2, 10, 12) })
    expect(readFromLine(Buffer.from('From - Tue Mar 10 12:00:00 2026'))).toMatchObject({ sender: '-' })
    expect(readFromLine(Buffer.from('From  '))).toEqual({ sender: '', date: null })
    expect(readFromLine(UNDATED)).toEqual({ sender: 'what', date: null })
  })

  it('is read as far as such lines go, however long it is', () => {
    const text = ' Tue Mar 10 12:00:00 2026'
    const until = (length: number): Buffer => Buffer.from(`From ${'x'.repeat(length - 5 - text.length)}${text}`)
    expect(readFromLine(until(512)).date).not.toBeNull()
    expect(readFromLine(until(600)).date).toBeNull()
  })

  it.each([
    [true, true, true, true],
    [true, true, false, true],
    [true, false, true, true],
    [false, true, true, true],
    [true, false, false, false],
    [false, true, false, false],
    [false, false, true, false],
    [false, false, false, false],
  ])('begins a message by two signs of three: date %s, blank line %s, field %s', (date, blank, field, begins) => {
    const ahead = Buffer.from(field ? 'Subject: x\n' : 'and so on\n')
    expect(beginsMessage(date ? DATED : UNDATED, blank, ahead)).toBe(begins)
  })

  it.each([
    ['Subject: x', true],
    ['!~:', true],
    ['>From anna@example.com', true],
    ['>Fromage x', false],
    [': x', false],
    ['', false],
    ['Subject', false],
    ['Sub ject: x', false],
    ['Subject\n: x', false],
    ['Sub\x7fject: x', false],
    ['Betr\xe4ff: x', false],
  ])('is followed by a header field: %j %s', (ahead, isField) => {
    expect(beginsMessage(DATED, false, Buffer.from(ahead, 'latin1'))).toBe(isField)
  })
})
