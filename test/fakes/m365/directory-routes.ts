import { refusal, type Route } from './graph-routes.ts'
import { renderMime } from './render.ts'
import type { FakeTenant } from './tenant.ts'

/** Users, what their mailboxes are for, and the usage report. */
export const DIRECTORY_ROUTES: readonly Route[] = [
  {
    template: 'GET /users',
    roles: ['User.Read.All'],
    run: ({ tenant, query, url, origin }) => {
      const top = Math.min(Number(query.get('$top') ?? 100), tenant.pageUsers)
      const skip = Number(query.get('$skiptoken') ?? 0)
      const all = tenant.mailboxes()
      const value = all.slice(skip, skip + top).map((mailbox) => ({
        id: mailbox.userId,
        userPrincipalName: mailbox.address,
        mail: mailbox.licensed ? mailbox.address : null,
        accountEnabled: mailbox.kind === 'user',
      }))
      const next = new URL(url.href)
      next.searchParams.set('$skiptoken', String(skip + top))
      const more = skip + top < all.length ? { '@odata.nextLink': `${origin}${next.pathname}${next.search}` } : {}
      return { status: 200, body: { value, ...more } }
    },
  },
  {
    template: 'GET /users/{user}/mailboxSettings/userPurpose',
    roles: ['MailboxSettings.Read'],
    run: ({ tenant, at }) => {
      const mailbox = tenant.find(at['user'] ?? '')
      if (mailbox?.licensed !== true) {
        return refusal(
          404,
          'MailboxNotEnabledForRESTAPI',
          'The mailbox is either inactive or is hosted on-premise.',
        )
      }
      return { status: 200, body: { value: mailbox.kind } }
    },
  },
  {
    template: "GET /reports/getMailboxUsageDetail(period='D7')",
    roles: ['Reports.Read.All'],
    run: ({ origin }) => ({ status: 302, headers: { location: `${origin}/report-download?token=own-leave` } }),
  },
]

/** The report as it is downloaded. */
export function usageReport(tenant: FakeTenant): string {
  const head =
    'Report Refresh Date,User Principal Name,Display Name,Is Deleted,Item Count,Storage Used (Byte),Issue Warning Quota (Byte),Prohibit Send Quota (Byte),Prohibit Send/Receive Quota (Byte),Has Archive,Report Period'
  const rows = tenant.mailboxes().map((mailbox) => {
    const items = [...mailbox.items.values()]
    const bytes = items.reduce((sum, item) => sum + renderMime(item, false).length, 0)
    const name = tenant.hidesNames ? mailbox.userId.replaceAll('-', '').toUpperCase() : mailbox.address
    const { limitBytes } = mailbox
    return `2026-11-24,${name},"Doe, ""J""",False,${items.length},${bytes},${limitBytes},${limitBytes},${limitBytes},FALSE,7`
  })
  return `\ufeff${[head, ...rows, ''].join('\r\n')}`
}
