import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpFault } from './http-faults.ts'

/** Reads a request's body whole; null when the fault cuts the connection before its end. */
export async function readBody(request: IncomingMessage, fault: HttpFault | null): Promise<Buffer | null> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    pieces.push(piece)
    bytes += piece.length
    if (fault?.kind === 'cut-request' && bytes >= fault.after) {
      request.socket.destroy()
      return null
    }
  }
  return Buffer.concat(pieces)
}

/** Sends an answer, as the fault has it. */
export async function sendReply(
  response: ServerResponse,
  fault: HttpFault | null,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<void> {
  if (fault?.kind === 'lose-reply') {
    response.socket?.destroy()
    return
  }
  if (fault?.kind === 'late') await new Promise((resolve) => setTimeout(resolve, fault.milliseconds))
  if (fault?.kind === 'short-body') {
    response.writeHead(status, { ...headers, 'content-length': String(Math.min(fault.after, body.length)) })
    response.end(body.subarray(0, fault.after))
    return
  }
  response.writeHead(status, { ...headers, 'content-length': String(body.length) })
  if (fault?.kind === 'cut-body') {
    response.write(body.subarray(0, fault.after), () => response.socket?.destroy())
    return
  }
  response.end(body)
}
