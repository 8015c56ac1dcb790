/**
 * The script of the intake page: seals what the client types or drops to the project's public key, in the browser, and
 * shows the armored result. It makes no connection; the page's policy allows none. docs/formats.md has the payload.
 */
import { armor, Encrypter } from 'age-encryption'

interface PageData {
  readonly project: string
  readonly recipient: string
  /** RFC 3339; what is sealed later is refused. */
  readonly expires: string
  /** Good once. */
  readonly number: string
  readonly words: Readonly<Record<string, string>>
}

interface Entry {
  readonly side: string
  readonly account: string
  readonly username: string
  readonly secret: string
}

const MAX_FILE_BYTES = 1024 * 1024

const data = JSON.parse(element('page-data').textContent) as PageData
const rows = element('rows')
const message = element('message')
const result = element('result') as HTMLTextAreaElement
let dropped: { readonly name: string; readonly text: string } | null = null

element('add').addEventListener('click', () => addRow())
element('seal').addEventListener('click', () => void seal())
element('copy').addEventListener('click', () => {
  result.select()
  void navigator.clipboard.writeText(result.value)
})
element('save').addEventListener('click', save)
const chooser = element('file') as HTMLInputElement
chooser.addEventListener('change', () => void takeFile(chooser.files?.[0]))
document.addEventListener('dragover', (event) => event.preventDefault())
document.addEventListener('drop', (event) => {
  event.preventDefault()
  void takeFile(event.dataTransfer?.files[0])
})
addRow()

function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}

function word(key: string): string {
  return data.words[key] ?? key
}

function addRow(): void {
  const template = element('row') as HTMLTemplateElement
  const row = template.content.cloneNode(true) as DocumentFragment
  const line = row.firstElementChild
  row.querySelector('.remove')?.addEventListener('click', () => line?.remove())
  rows.append(row)
}

/** What stands in the rows; a row in which nothing was typed is none. */
function typedEntries(): Entry[] {
  return [...rows.children]
    .map((row) => {
      const value = (name: string): string => row.querySelector<HTMLInputElement>(`[name=${name}]`)?.value ?? ''
      return {
        side: value('side'),
        account: value('account').trim(),
        username: value('username').trim(),
        secret: value('secret'),
      }
    })
    .filter(({ account, username, secret }) => account !== '' || username !== '' || secret !== '')
}

async function takeFile(file: File | undefined): Promise<void> {
  if (file === undefined) return
  if (file.size > MAX_FILE_BYTES) {
    say('tooLarge')
    return
  }
  dropped = { name: file.name, text: await file.text() }
  element('file-name').textContent = file.name
}

async function seal(): Promise<void> {
  const entries = typedEntries()
  if (entries.some(({ account, secret }) => account === '' || secret === '')) {
    say('incomplete')
    return
  }
  if (entries.length === 0 && dropped === null) {
    say('nothing')
    return
  }
  const { project, number, expires } = data
  const payload = { format: 'sealpost-intake', version: 1, project, number, expires, entries, file: dropped }
  try {
    const encrypter = new Encrypter()
    encrypter.addRecipient(data.recipient)
    result.value = armor.encode(await encrypter.encrypt(JSON.stringify(payload)))
    element('done').hidden = false
    for (const input of rows.querySelectorAll<HTMLInputElement>('[name=secret]')) input.value = ''
    dropped = null
    element('file-name').textContent = ''
    say('sealed')
    result.focus()
  } catch {
    say('failed')
  }
}

function save(): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([result.value], { type: 'application/octet-stream' }))
  link.download = `${data.project}.age`
  link.click()
  URL.revokeObjectURL(link.href)
}

function say(key: string): void {
  message.textContent = word(key)
}
