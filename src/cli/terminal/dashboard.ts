import { EventEmitter } from 'node:events'
import { isatty } from 'node:tty'
import type { Clock } from '../../core/clock.ts'
import type { LedgerReader } from '../../core/ledger.ts'
import type { DashboardProps } from './dashboard-app.ts'
import type { DashboardView, MailboxLine } from './dashboard-view.ts'
import type { Output } from './output.ts'
import { every, LINE_MS } from './progress.ts'
import { totalLine } from './progress-text.ts'

/** A dashboard on the terminal. */
export interface ShownDashboard {
  /** Takes it off the screen and gives the terminal its manners back. Twice is safe. */
  stop(): void
}

/** Where one comes from. */
export type DashboardSource = Pick<DashboardProps, 'controls' | 'quit'> & {
  readonly look: () => DashboardView
  readonly ledger: LedgerReader
}

const REDRAW_MS = 250

/** What takes the drawn frames in place of a terminal, so that `Output` stays the only one that writes. */
class FrameSink extends EventEmitter {
  readonly #output: Output

  constructor(output: Output) {
    super()
    this.#output = output
  }

  /** One less: a terminal that is written to its last column begins a new line. */
  get columns(): number {
    return this.#output.columns - 1
  }

  write(frame: string): boolean {
    this.#output.block(frame.split('\n'))
    return true
  }
}

/**
 * Shows a dashboard until it is stopped, and listens to keys where stdin is a terminal. When it cannot be drawn any more that
 * is said, and lines take its place: what it shows goes on. The library is loaded only now: it takes longer than all
 * the rest of the program.
 */
export async function showDashboard(
  output: Output,
  clock: Clock,
  { look, ledger, controls, quit }: DashboardSource,
): Promise<ShownDashboard> {
  // The libraries' forms for development measure every drawing and keep that for ever, and look for a debugger.
  process.env['NODE_ENV'] = 'production'
  delete process.env['DEV']
  const [{ render }, { createElement }, { Dashboard }] = await Promise.all([
    import('ink'),
    import('react'),
    import('./dashboard-app.ts'),
  ])
  const sink = new FrameSink(output)
  const draw = () =>
    createElement(Dashboard, {
      view: look(),
      lines: output.blockLines,
      controls,
      // Where stdin is no terminal `isTTY` is not there at all, whatever its type says, and the library takes that for yes.
      hasKeys: isatty(process.stdin.fd),
      mailboxesOf: (pair) => mailboxLines(ledger, pair),
      quit,
      paint: (colour, text) => output.paint(colour, text),
    })
  const app = render(draw(), {
    stdout: sink as unknown as NodeJS.WriteStream,
    stdin: process.stdin,
    // Each frame whole, as text: where it goes on the screen is for `Output` to say.
    debug: true,
    exitOnCtrlC: false,
    patchConsole: false,
    isScreenReaderEnabled: false,
  })
  let isStopped = false
  let cancel = every(clock, REDRAW_MS, () => app.rerender(draw()))
  const endResize = output.onResize(() => sink.emit('resize'))
  app.waitUntilExit().catch(() => {
    if (isStopped) return
    cancel()
    // The library goes on reading keys when it breaks: Ctrl-C would do nothing, and the process would not end.
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(false)
      process.stdin.unref()
    }
    output.block([])
    output.warn('the dashboard cannot be drawn; lines take its place, and the work goes on. Ctrl-C ends it')
    let shown = ''
    cancel = every(clock, LINE_MS, () => {
      const text = totalLine(look().state)
      if (text !== shown) output.line(text)
      shown = text
    })
  })
  return {
    stop: () => {
      if (isStopped) return
      isStopped = true
      cancel()
      endResize()
      app.unmount()
      output.block([])
    },
  }
}

function mailboxLines(ledger: LedgerReader, pair: number): readonly MailboxLine[] {
  return ledger.mailboxes(pair).map(({ id, sourcePath }) => {
    const { source, landed, existing, skipped, quarantined, expunged } = ledger.totals({ mailboxId: id })
    return {
      name: sourcePath.join('/'),
      messages: source,
      doneMessages: landed + existing + skipped + quarantined + expunged,
      exceptions: skipped + quarantined,
    }
  })
}
