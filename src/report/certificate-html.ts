import type { DeletionCertificate, SearchedPlace, SigningPerson } from '../core/certificate.ts'
import { ARABIC } from './certificate-words-ar.ts'
import { ENGLISH } from './certificate-words-en.ts'
import type { CertificateWords, Label } from './certificate-words.ts'
import { escapeHtml } from './html.ts'

const STYLE = `
@page { size: A4; margin: 18mm 16mm; }
* { box-sizing: border-box; }
body { font: 11pt/1.45 "Noto Sans", "Noto Naskh Arabic", "Segoe UI", Tahoma, "DejaVu Sans", sans-serif; color: #1a1a1a; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
header { border-block-end: 3px solid #1f4e5f; margin-block-end: 1.2rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; color: #1f4e5f; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; color: #1f4e5f; border-block-end: 1px solid #c8d4d9; break-after: avoid; }
h3 { font-size: .95rem; margin: .9rem 0 .3rem; break-after: avoid; }
.note { background: #fff6e0; border: 1px solid #e2c36b; padding: .5rem .8rem; border-radius: 4px; }
.key { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .9em; overflow-wrap: anywhere; direction: ltr; unicode-bidi: isolate; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 .6rem; font-size: .92em; }
th, td { text-align: start; vertical-align: top; padding: .22rem .45rem; border: 1px solid #d5dde0; overflow-wrap: break-word; }
.long { overflow-wrap: anywhere; }
th { background: #eef3f5; font-weight: 600; }
table.facts th { width: 34%; }
tr { break-inside: avoid; }
.adverse { color: #8a2b0c; font-weight: 600; }
.value { unicode-bidi: plaintext; }
footer { margin-block-start: 2rem; font-size: .85em; color: #555; border-block-start: 1px solid #c8d4d9; padding-block-start: .5rem; }
`

/**
 * Renders a certificate as one page of HTML for reading and printing, in English or Arabic (right to left). It names itself
 * a rendering, loads nothing, runs nothing, and holds no more than the JSON does.
 */
export function renderCertificate(certificate: DeletionCertificate, language: 'en' | 'ar'): string {
  const words = language === 'ar' ? ARABIC : ENGLISH
  const page = new Page(words)
  return `<!doctype html>
<html lang="${words.language}" dir="${words.direction}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${safeHtml(words.title)}: ${safeHtml(certificate.project.client)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${safeHtml(words.title)}</h1>
<p class="note"><strong>${safeHtml(words.rendering)}</strong><br>${safeHtml(words.checkWith)}<br><span class="key">${safeHtml(certificate.signing.keyFingerprint)}</span></p>
</header>
<main>
${sections(certificate, page).join('\n')}
</main>
<footer>${safeHtml(words.rendering)}</footer>
</body>
</html>
`
}

function sections(certificate: DeletionCertificate, page: Page): readonly string[] {
  const { project, issued, people, keys, verification, process, tool, audit } = certificate
  return [
    page.section(
      'project',
      page.facts([
        ['client', project.client],
        ['projectId', project.id],
        ['certificateId', certificate.id],
        ['issued', `${issued.at} (${issued.timeZone}, UTC${issued.utcOffset}; ${issued.clock})`],
        ['purge', `${project.purgeStartedAt} – ${project.purgeFinishedAt}`],
      ]),
    ),
    page.section(
      'statements',
      page.list(certificate.statements.map(({ code, text }) => page.statement(code, text))),
    ),
    page.section(
      'method',
      page.facts([
        ['method', page.method(certificate.sanitization.method)],
        ['because', certificate.sanitization.because.join('; ')],
        ['media', certificate.sanitization.medium],
      ]),
    ),
    page.section('delivery', delivery(certificate, page)),
    page.section(
      'accepted',
      page.table(
        ['class', 'mailbox', 'count', 'reason'],
        certificate.acceptedExceptions.map((item) => [item.class, item.mailbox, item.count, item.reason]),
      ),
    ),
    page.section(
      'objects',
      page.table(
        ['class', 'what', 'count', 'bytes', 'protection', 'method', 'outcome'],
        certificate.objects.map((item) => [
          page.code(item.class),
          item.what,
          item.count,
          item.bytes,
          item.protection,
          page.method(item.method),
          item.outcome,
        ]),
      ),
    ),
    page.section(
      'keys',
      page.facts([
        ['key', `${keys.algorithm}; ${keys.bits} bit; ${keys.randomSource}`],
        ['what', keys.chain],
        ['outcome', keyOutcome(keys)],
        ['retained', keys.escrow],
      ]) +
        page.heading('commitments') +
        page.table(
          ['key', 'what'],
          keys.commitments.map(({ key, sha256 }) => [key, sha256]),
        ),
    ),
    page.section('verification', checks(verification, page)),
    page.section(
      'rotate',
      page.table(
        ['credential', 'class', 'answer'],
        certificate.clientMustRotate.map(({ credential, kind, answer }) => [credential, kind, answer]),
      ),
    ),
    page.section(
      'residual',
      page.table(
        ['state', 'text'],
        certificate.residualRisks.map(({ state, text }) => [page.code(state), text]),
      ),
    ),
    page.section(
      'environment',
      page.table(
        ['state', 'text'],
        certificate.environment.map(({ state, text }) => [page.code(state), text]),
      ),
    ),
    page.section('media', medium(certificate, page)),
    page.section(
      'backups',
      page.paragraph(certificate.backups.text) +
        page.table(
          ['name', 'what', 'where', 'finished'],
          certificate.backups.handedOver.map(({ file, sha256, recipient, at }) => [file, sha256, recipient, at]),
        ),
    ),
    page.section(
      'documents',
      page.table(
        ['name', 'bytes', 'what'],
        certificate.documentsRemoved.map(({ name, bytes, sha256 }) => [name, bytes, sha256]),
      ),
    ),
    page.section(
      'retained',
      page.table(
        ['what', 'until', 'where'],
        certificate.retained.map(({ what, until, where }) => [what, until, where]),
      ) + page.facts([['hold', certificate.legalHold]]),
    ),
    page.section(
      'process',
      page.table(
        ['step', 'started', 'finished', 'starts'],
        process.steps.map((step) => [page.code(step.step), step.startedAt, step.finishedAt, step.starts]),
      ) +
        page.heading('resumptions') +
        page.table(
          ['started', 'step', 'operator'],
          process.resumptions.map(({ at, step, by }) => [at, page.code(step), by]),
        ) +
        page.heading('obstacles') +
        page.table(
          ['started', 'step', 'text'],
          process.obstacles.map(({ at, step, text }) => [at, page.code(step), text]),
        ),
    ),
    page.section(
      'people',
      page.facts([
        ['signatory', `${people.signatory.name}, ${people.signatory.title}, ${people.signatory.organisation}`],
        ['dualControl', people.dualControl],
      ]) +
        person('operator', people.operator, page) +
        (people.second === null ? '' : person('second', people.second, page)),
    ),
    page.section(
      'tool',
      page.facts([
        [
          'tool',
          `${tool.name} ${tool.version} (${tool.commit}), Node ${tool.node}, OpenSSL ${tool.openssl}, ${tool.platform}`,
        ],
        ['key', certificate.signing.publicKey],
        ['audit', [audit.text, audit.checkpoint ?? ''].join('\n').trim()],
      ]),
    ),
  ]
}

function delivery({ delivery: facts }: DeletionCertificate, page: Page): string {
  const { messages } = facts
  const counts = (
    ['source', 'landed', 'existing', 'skipped', 'quarantined', 'expunged', 'pending', 'neverVerified'] as const
  ).map((name) => [page.label(name), messages[name]] as const)
  return (
    page.facts([
      ['delivery', page.label(facts.certified ? 'certified' : 'notCertified')],
      ['text', facts.text],
      ...(facts.abandoned === null ? [] : [['abandoned', facts.abandoned.reason] as const]),
      ['accounts', facts.accounts],
      ['mailboxes', facts.mailboxes],
    ]) + page.rows('messages', 'count', counts)
  )
}

function checks(verification: DeletionCertificate['verification'], page: Page): string {
  const { secretSearch, canaryScan, canaries, trim } = verification
  return (
    page.heading('secretSearch') +
    page.paragraph(secretSearch.text) +
    places(secretSearch.places, page) +
    page.heading('canaries') +
    page.table(
      ['class', 'before', 'after', 'keysTried', 'proven'],
      canaries.map(({ object, before, after, keysTried, proven }) => [
        page.code(object),
        before,
        after,
        keysTried,
        page.label(proven ? 'yes' : 'no'),
      ]),
    ) +
    page.paragraph(verification.projectOpensAfter) +
    page.heading('canaryScan') +
    page.paragraph(canaryScan.text) +
    places(canaryScan.places, page) +
    page.facts([['trim', `${trim.state}: ${trim.text}`]])
  )
}

function places(searched: readonly SearchedPlace[], page: Page): string {
  return page.table(
    ['places', 'where', 'files', 'bytes', 'unreadable', 'state'],
    searched.map(({ place, path, files, bytes, unreadable, state }) => [
      page.code(place),
      path,
      files,
      bytes,
      unreadable,
      page.code(state),
    ]),
  )
}

function medium({ media }: DeletionCertificate, page: Page): string {
  return page.facts([
    ['manufacturer', page.code(media.manufacturer)],
    ['model', page.code(media.model)],
    ['serial', page.code(media.serial)],
    ['propertyNumber', page.code(media.propertyNumber)],
    ['mediaType', media.type],
    ['fileSystem', media.fileSystem],
    ['encryption', media.diskEncryption],
    ['host', media.source.hostSha256],
    ['user', `${media.source.user}, ${media.source.operatingSystem}`],
    ['destination', `${media.destination}; ${media.confidentialityAfter}`],
  ])
}

function person(label: Label, signer: SigningPerson, page: Page): string {
  return (
    page.heading(label) +
    page.facts([
      ['name', signer.name],
      ['role', signer.role],
      ['personTitle', signer.title],
      ['location', page.code(signer.location)],
      ['contact', page.code(signer.contact)],
      ['finished', signer.at],
      ['signature', `${signer.signatureFile}, ${signer.keyFingerprint}`],
    ])
  )
}

function keyOutcome({ shredKey, wrappedKeysDestroyed }: DeletionCertificate['keys']): string {
  return `shred key (${shredKey.place}, ${shredKey.bytes} bytes): overwritten: ${shredKey.overwritten}; read back changed: ${shredKey.readBackDiffers}; removed: ${shredKey.removed ? 'yes' : 'no'}; wrapped keys destroyed: ${wrappedKeysDestroyed}`
}

// Controls but for line ends, and what turns the writing round: a name must not rearrange the page.
const HARMFUL = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

function safeHtml(text: string): string {
  return escapeHtml(text.replace(HARMFUL, ' '))
}

/** Digests, fingerprints and keys. */
const KEY = /^[0-9a-f]{64}$|^SHA256:|^ssh-ed25519 /
/** Words that no line may have room for, such as paths. */
const LONG = /\S{25}/

type Cell = string | number

/** Builds the parts of the page. Every value is escaped here and nowhere else. */
class Page {
  readonly #words: CertificateWords

  constructor(words: CertificateWords) {
    this.#words = words
  }

  label(label: Label): string {
    return this.#words.labels[label]
  }

  code(code: string): string {
    return this.#words.codes[code] ?? code
  }

  method(method: string): string {
    return this.#words.methods[method] ?? method
  }

  statement(code: string, text: string): string {
    return this.#words.statements[code] ?? text
  }

  section(label: Label, content: string): string {
    return `<section>\n<h2>${safeHtml(this.label(label))}</h2>\n${content}</section>`
  }

  heading(label: Label): string {
    return `<h3>${safeHtml(this.label(label))}</h3>\n`
  }

  paragraph(text: string): string {
    return `<p class="value">${safeHtml(this.#words.texts[text] ?? text)}</p>\n`
  }

  list(items: readonly string[]): string {
    return `<ul>\n${items.map((item) => `<li class="value">${safeHtml(item)}</li>\n`).join('')}</ul>\n`
  }

  facts(rows: readonly (readonly [Label, Cell])[]): string {
    const lines = rows.map(
      ([label, value]) => `<tr><th scope="row">${safeHtml(this.label(label))}</th>${this.#cell(value)}</tr>\n`,
    )
    return `<table class="facts"><tbody>\n${lines.join('')}</tbody></table>\n`
  }

  rows(name: Label, value: Label, rows: readonly (readonly [string, Cell])[]): string {
    return this.table([name, value], rows)
  }

  table(header: readonly Label[], rows: readonly (readonly Cell[])[]): string {
    if (rows.length === 0) return this.paragraph(this.label('none'))
    const head = header.map((label) => `<th scope="col">${safeHtml(this.label(label))}</th>`).join('')
    const body = rows.map((row) => `<tr>${row.map((cell) => this.#cell(cell)).join('')}</tr>\n`).join('')
    return `<table><thead><tr>${head}</tr></thead><tbody>\n${body}</tbody></table>\n`
  }

  #cell(value: Cell): string {
    const own = String(value)
    const text = safeHtml(this.#words.texts[own] ?? own).replaceAll('\n', '<br>')
    if (KEY.test(own)) return `<td><span class="key">${text}</span></td>`
    return LONG.test(own) ? `<td class="value long">${text}</td>` : `<td class="value">${text}</td>`
  }
}
