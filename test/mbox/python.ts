import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Python's mailbox module behind a pipe: one request a line, one answer a line. */
const PROGRAM = `
import base64, json, mailbox, sys
for line in sys.stdin:
    request = json.loads(line)
    box = mailbox.mbox(request['path'], create=True)
    for text in request.get('add', []):
        box.add(base64.b64decode(text))
    box.flush()
    answer = [[box.get_message(key).get_from(), base64.b64encode(box.get_bytes(key)).decode()] for key in box.keys()]
    box.close()
    print(json.dumps(answer), flush=True)
`

/** An independent reader and writer of mbox files. */
export interface Python {
  /** Adds messages to a file, and returns all that it holds then: bytes as they stand in the file, and the From_ line. */
  messages(
    path: string,
    add?: readonly Buffer[],
  ): Promise<readonly { readonly from: string; readonly raw: Buffer }[]>
  close(): Promise<void>
}

/** Starts it. Close it in any case. */
export function startPython(): Python {
  const child = spawn('python3', ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    messages: async (path, add = []) => {
      child.stdin.write(`${JSON.stringify({ path, add: add.map((each) => each.toString('base64')) })}\n`)
      const answer: IteratorResult<string, unknown> = await answers.next()
      if (answer.done === true) throw new Error('python has ended')
      const found = JSON.parse(answer.value) as readonly (readonly [string, string])[]
      return found.map(([from, raw]) => ({ from, raw: Buffer.from(raw, 'base64') }))
    },
    close: async () => {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}
