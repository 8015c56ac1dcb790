import type { DeletionCertificate, SearchedPlace, SigningPerson } from '../core/certificate.ts'
import { ARABIC } from './certificate-words-ar.ts'
import { ENGLISH } from './certificate-words-en.ts'
import type { CertificateWords, Label } from './certificate-words.ts'
import { safeHtml } from './html.ts'
import { HOUSE_STYLE, htmlPage } from './page.ts'

/**
 * Renders a certificate as one page of HTML for reading and printing, in English or Arabic (right to left). It names itself
 * a rendering, loads nothing, runs nothing, and holds no more than the JSON does.
 */
export function renderCertificate(certificate: DeletionCertificate, language: 'en' | 'ar'): string {
  const words = language === 'ar' ? ARABIC : ENGLISH
  const page = new Page(words)
  return htmlPage({
    language,
    title: safeHtml(`${words.title}: ${certificate.project.client}`),
    style: HOUSE_STYLE,
    body: `<header>
<h1>${safeHtml(words.title)}</h1>
<p class="note"><strong>${safeHtml(words.rendering)}</strong><br>${safeHtml(words.checkWith)}<br><span class="key">${safeHtml(certificate.signing.keyFingerprint)}</span></p>
</header>
<main>
${sections(certificate, page).join('\n')}
</main>
<footer>${safeHtml(words.rendering)}</footer>`,
  })
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
