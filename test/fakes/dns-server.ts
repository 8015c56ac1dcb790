import { createSocket } from 'node:dgram'
import { createServer, type AddressInfo } from 'node:net'
import { decode, encode, streamEncode, type Answer, type Packet } from 'dns-packet'

/** What a zone answers, by `TYPE name`; names that are not there do not exist. */
export type Zone = Readonly<Record<string, readonly Answer[]>>

/** How the next answers are spoilt. */
export interface DnsFaults {
  /** Datagrams that are not answered. */
  drop: number
  /** Datagrams answered under another id first. */
  forge: number
  /** An error instead of an answer. */
  refuse: boolean
}

/** A DNS server on loopback, for one test: answers longer than 512 bytes go over TCP alone. */
export async function startDnsServer(zone: Zone) {
  const faults: DnsFaults = { drop: 0, forge: 0, refuse: false }
  const asked = { udp: 0, tcp: 0 }
  const answer = (query: Packet): Packet => {
    const [question] = query.questions ?? []
    const name = question?.name.toLowerCase() ?? ''
    const isThere = Object.keys(zone).some((key) => key.endsWith(` ${name}`))
    const rcode = faults.refuse ? 5 : isThere ? 0 : 3
    return {
      type: 'response',
      ...(query.id === undefined ? {} : { id: query.id }),
      flags: rcode,
      questions: query.questions ?? [],
      answers: faults.refuse ? [] : [...(zone[`${question?.type ?? ''} ${name}`] ?? [])],
    }
  }
  const udp = createSocket('udp4')
  udp.on('message', (bytes, from) => {
    asked.udp++
    if (faults.drop > 0) {
      faults.drop--
      return
    }
    const query = decode(bytes)
    const reply = answer(query)
    if (faults.forge > 0) {
      faults.forge--
      udp.send(encode({ ...reply, id: ((query.id ?? 0) + 1) % 65_536, answers: [] }), from.port, from.address)
    }
    const whole = encode(reply)
    // TC, RFC 1035 section 4.1.1
    const sent = whole.length <= 512 ? whole : encode({ ...reply, flags: 0x0200, answers: [] })
    udp.send(sent, from.port, from.address)
  })
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve))
  const { port } = udp.address()
  const tcp = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes) => {
      asked.tcp++
      const whole = streamEncode(answer(decode(bytes.subarray(2))))
      // In two pieces, as the network may bring it.
      socket.write(whole.subarray(0, 1))
      setTimeout(() => socket.write(whole.subarray(1)), 10)
    })
  })
  await new Promise<void>((resolve, reject) => {
    tcp.on('error', reject)
    tcp.listen(port, '127.0.0.1', resolve)
  })
  return {
    faults,
    asked,
    resolver: `127.0.0.1:${(tcp.address() as AddressInfo).port}`,
    stop: async () => {
      udp.close()
      await new Promise((resolve) => tcp.close(resolve))
    },
  }
}
