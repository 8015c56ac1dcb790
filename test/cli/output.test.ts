import { describe, expect, it } from 'vitest'
import { SealpostError } from '../../src/core/errors.ts'
import { problemsError } from '../../src/cli/config/problems.ts'
import { Output } from '../../src/cli/terminal/output.ts'

class Recorder {
  text = ''
  readonly isTTY: boolean
  readonly columns = 80
  readonly rows = 10
  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }
  write(text: string): void {
    this.text += text
  }
}

function open(options: { json?: boolean; noColour?: boolean; terminal?: boolean } = {}) {
  const stdout = new Recorder(options.terminal ?? false)
  const stderr = new Recorder(options.terminal ?? false)
  const output = new Output(
    { stdout, stderr },
    { json: options.json ?? false, noColour: options.noColour ?? false },
  )
  return { output, stdout, stderr }
}

const FAILURE = new SealpostError('auth', 'imap.example.com refused the login', {
  hint: 'set the credential anew',
  code: 'AUTHENTICATIONFAILED',
  serverText: 'NO go away',
})

describe('output', () => {
  it('tells an error once, on stderr, as what went wrong and what to do', () => {
    const { output, stdout, stderr } = open()
    output.error(FAILURE)
    expect(stderr.text).toBe(
      'sealpost: imap.example.com refused the login. Set the credential anew.\n  server: NO go away\n',
    )
    expect(stdout.text).toBe('')
  })

  it('tells it on stdout too under --json', () => {
    const { output, stdout, stderr } = open({ json: true })
    output.error(FAILURE)
    expect(JSON.parse(stdout.text)).toEqual({
      error: {
        kind: 'auth',
        message: 'imap.example.com refused the login',
        hint: 'set the credential anew',
        code: 'AUTHENTICATIONFAILED',
        serverText: 'NO go away',
      },
    })
    expect(stderr.text).not.toBe('')
  })

  it('keeps a command to type as it is to be typed', () => {
    const { output, stderr } = open()
    output.error(new SealpostError('policy', 'f is open to others', { hint: 'chmod 600 f' }))
    expect(stderr.text).toBe('sealpost: f is open to others. chmod 600 f.\n')
  })

  it('lists all problems of a file', () => {
    const problem = (line: number) => ({
      file: 'm.csv',
      line,
      column: null,
      message: 'source is empty',
      hint: null,
    })
    const { output, stdout, stderr } = open({ json: true })
    output.error(problemsError([problem(2), problem(5)]))
    expect(stderr.text).toBe(
      'sealpost: m.csv: 2 problems. Correct them and try again.\n  m.csv:2: source is empty\n  m.csv:5: source is empty\n',
    )
    expect(JSON.parse(stdout.text)).toMatchObject({
      error: { kind: 'config', problems: [problem(2), problem(5)] },
    })
  })

  it('shows where our own fault lies and not what a foreign error says', () => {
    const cause = new TypeError('cannot read hunter2 of undefined')
    const { output, stdout, stderr } = open({ json: true })
    output.error(new SealpostError('bug', 'sealpost: unexpected TypeError', { cause }))
    expect(stderr.text).toMatch(/output\.test\.ts:\d+/)
    expect(stderr.text + stdout.text).not.toContain('hunter2')
  })

  it('leaves lines for people out under --json', () => {
    const { output, stdout } = open({ json: true })
    output.line('hello')
    output.event({ event: 'a' })
    output.event({ event: 'b' })
    expect(stdout.text).toBe('{"event":"a"}\n{"event":"b"}\n')
  })

  it('colours a terminal, and nothing else', () => {
    expect(open({ terminal: true }).output.paint('red', 'x')).toBe('\u001b[31mx\u001b[0m')
    expect(open({ terminal: true, noColour: true }).output.paint('red', 'x')).toBe('x')
    expect(open({ terminal: true, json: true }).output.paint('red', 'x')).toBe('x')
    expect(open().output.paint('red', 'x')).toBe('x')
  })

  it('keeps names from moving the cursor or turning the writing round', () => {
    const { output, stdout } = open({ terminal: true })
    output.line(`${output.paint('red', 'name')} a\u001b[2Jb\u009bc\u202ed\re\u0007f\u2028g`)
    expect(stdout.text).toBe('\u001b[31mname\u001b[0m a [2Jb c d e f g\n')
  })

  it('keeps them from it under --json too, and loses nothing of them', () => {
    const value = { name: 'a\u001b[2J\u009b31m\u202eb\u{e0041}\u2028 ü \n 😀', list: ['x'] }
    for (const show of ['document', 'event'] as const) {
      const { output, stdout } = open({ json: true })
      output[show](value)
      expect(stdout.text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}]/u)
      expect(stdout.text).toContain('ü')
      expect(JSON.parse(stdout.text)).toEqual(value)
    }
  })

  it('draws a block anew in place, and clears it before a line', () => {
    const { output, stdout } = open({ terminal: true })
    output.block(['one', 'two'])
    output.block(['three'])
    output.line('done')
    expect(stdout.text).toBe('one\ntwo\n\u001b[2A\u001b[Jthree\n\u001b[1A\u001b[Jdone\n')
  })

  it('never draws a block that would scroll, nor one on a pipe', () => {
    const { output, stdout } = open({ terminal: true })
    output.block(Array.from({ length: 50 }, (_, i) => `line ${i}`))
    expect(stdout.text.split('\n')).toHaveLength(10)
    const pipe = open()
    pipe.output.block(['x'])
    expect(pipe.stdout.text).toBe('')
  })

  it('drops what nobody reads any more', () => {
    const { output, stdout } = open()
    output.line('a')
    output.stdoutClosed()
    output.line('b')
    expect(stdout.text).toBe('a\n')
  })
})
