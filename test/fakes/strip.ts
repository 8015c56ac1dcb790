/** What the proxy takes out of what the server says. */
export interface Stripped {
  /** Capabilities, by name; `LITERAL+` takes just that. What the server does stays the same. */
  readonly capabilities: readonly string[]
  /** Response codes, such as `APPENDUID`; and what STATUS says under that name. */
  readonly codes: readonly string[]
}

/** Takes capabilities and response codes out of one line of the server; the line end stays. */
export function strip(line: Buffer, { capabilities, codes }: Stripped): Buffer {
  if (capabilities.length === 0 && codes.length === 0) return line
  const text = line.toString('latin1')
  let changed = text
  if (/^\* CAPABILITY |\[CAPABILITY /i.test(text)) {
    for (const name of capabilities) changed = changed.replaceAll(wordOf(name), '')
  }
  for (const code of codes) {
    if (changed.startsWith('* STATUS ')) changed = changed.replace(wordsOf(code), '')
    changed = changed.replace(new RegExp(`^(\\S+ OK )\\[${escape(code)}(?: [^\\]]*)?\\] ?`, 'i'), '$1')
  }
  return changed === text ? line : Buffer.from(changed, 'latin1')
}

/** A name of STATUS with its number, and the blank before or after it. */
function wordsOf(name: string): RegExp {
  return new RegExp(` ${escape(name)} \\d+|${escape(name)} \\d+ `, 'i')
}

function wordOf(name: string): RegExp {
  return new RegExp(` ${escape(name)}(?=[ \\]\\r])`, 'gi')
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
