/**
 * Brings about what the exchanges of the pact presuppose, by the server's own HTTP interface. What a state gives
 * goes into the requests of the exchange: tokens, ids, positions.
 */
import { randomBytes, randomUUID, sign } from 'node:crypto'
import { PATIENCE_MS } from '../support/server.js'

const PASSWORD = 'correct horse battery'

interface Person {
  userId: string
  email: string
  password: string
  accessToken: string
  refreshToken: string
}
type Given = Record<string, string>
type Change = Record<string, unknown>
/** What an exchange says about its state; which of it, depends on the state. */
interface Params {
  id: string
  title: string
  hlc: string
  change: Change
  list?: string
}

export class States {
  private admin: Promise<Person> | null = null
  private hoarder: Promise<Given> | null = null

  constructor(
    private readonly url: string,
    /** What the server signs access tokens with, PEM. */
    private readonly key: string,
  ) {}

  readonly handlers: Record<string, (params: Params) => Promise<Given>> = {
    'a sales person': async () => given(await this.person('sales')),
    'an approver': async () => given(await this.person('approver')),
    'a sales person whose access token has expired': async () => this.withToken(-60),
    'a sales person whose access token ends in a moment': async () => this.withToken(2),

    'a sales person who has signed out': async () => {
      const sales = await this.person('sales')
      await this.call(null, 'POST', 'auth/logout', { refreshToken: sales.refreshToken })
      return given(sales)
    },

    'a sales person whose change was taken already': async ({ change }) => {
      const sales = await this.person('sales')
      await this.push(sales, [change])
      return given(sales)
    },

    'a draft that another phone has written later': async ({ id, title }) => {
      const sales = await this.person('sales')
      await this.push(sales, [upsert(id, stampNow(), { title })])
      return this.seen(sales)
    },

    'a request that another phone has submitted': async ({ id }) => {
      const sales = await this.person('sales')
      await this.submit(sales, { ...(await this.content()), id })
      return this.seen(sales)
    },

    'a draft that is complete': async ({ id, hlc }) => {
      const sales = await this.person('sales')
      await this.push(sales, [upsert(id, hlc, await this.content())])
      return this.seen(sales)
    },

    'a draft of a category that nobody has heard of': async ({ id, hlc }) => {
      const sales = await this.person('sales')
      const fields = { ...(await this.content()), categoryId: randomUUID() }
      await this.push(sales, [upsert(id, hlc, fields)])
      return { ...(await this.seen(sales)), hlc: stampNow() }
    },

    'a draft that another phone has deleted': async () => {
      const sales = await this.person('sales')
      const id = randomUUID()
      await this.push(sales, [upsert(id, stampNow(), { title: 'Trade fair' })])
      const before = await this.seen(sales)
      await this.push(sales, [{ opId: randomUUID(), type: 'delete', id, hlc: stampNow() }])
      return before
    },

    'a sales person who has seen everything': async () => {
      const sales = await this.person('sales')
      await this.push(sales, [upsert(randomUUID(), stampNow(), { title: 'Trade fair' })])
      return this.seen(sales)
    },

    'a sales person with more requests than fit a page': () => {
      this.hoarder ??= this.manyRequests()
      return this.hoarder
    },

    'a sales person with a draft, of a server that was restored': async () => {
      const sales = await this.person('sales')
      await this.push(sales, [upsert(randomUUID(), stampNow(), { title: 'Trade fair' })])
      return { ...given(sales), lastSync: '2099-01-01T00:00:00.000000Z' }
    },

    'a sales person and a catalogue': async ({ list }) => {
      const sales = await this.person('sales')
      if (list === undefined) return given(sales)
      const headers = { authorization: `Bearer ${sales.accessToken}` }
      const answer = await fetch(`${this.url}/api/v1/${list}?limit=1000`, { headers })
      return { ...given(sales), etag: answer.headers.get('etag') ?? '' }
    },

    'an approver for whom a request waits': async () => (await this.waiting()).given,

    'an approver of a request that was withdrawn': async () => {
      const { given: approver, sales, requestId } = await this.waiting()
      await this.call(sales.accessToken, 'POST', `requests/${requestId}/withdraw`)
      const closed = await until('the withdrawal reaches the approver', async () => {
        const page = await this.page(approver.accessToken ?? '', 'approvals')
        return page.changes.some(({ record }) => record?.status === 'closed') ? page : null
      })
      return { ...approver, lastSync: closed.lastSync }
    },

    'a sales person who has made too many calls': async () => {
      const sales = await this.person('sales')
      const headers = { authorization: `Bearer ${sales.accessToken}` }
      const look = async () => (await fetch(`${this.url}/api/v1/users/me`, { headers })).status
      for (let refused = false; !refused; ) {
        const statuses = await Promise.all(Array.from({ length: 50 }, look))
        refused = statuses.includes(429)
      }
      return given(sales)
    },
  }

  private async call<T>(token: string | null, method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (token !== null) headers.authorization = `Bearer ${token}`
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    const answer = await fetch(`${this.url}/api/v1/${path}`, init)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? null : JSON.parse(text)) as T
  }

  private async byAdmin<T>(method: string, path: string, body?: unknown): Promise<T> {
    const login = { email: 'admin@demo.athena', password: 'athena-demo' }
    this.admin ??= this.call<Person>(null, 'POST', 'auth/login', login)
    return this.call<T>((await this.admin).accessToken, method, path, body)
  }

  private async person(role: 'sales' | 'approver'): Promise<Person> {
    const email = `${role}-${randomUUID()}@pact.athena`
    const named = { email, name: `Pact ${role}`, roles: [role], password: PASSWORD }
    const { id } = await this.byAdmin<{ id: string }>('POST', 'users', named)
    const login = { email, password: PASSWORD }
    const session = await this.call<Omit<Person, 'userId'>>(null, 'POST', 'auth/login', login)
    const { accessToken, refreshToken } = session
    return { userId: id, email, password: PASSWORD, accessToken, refreshToken }
  }

  /** Somebody whose real access token ends so many seconds from now: dated anew with the server's own key. */
  private async withToken(endsInSeconds: number): Promise<Given> {
    const sales = await this.person('sales')
    const [header = '', payload = ''] = sales.accessToken.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    claims.exp = Math.floor(Date.now() / 1000) + endsInSeconds
    const signed = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
    const signature = sign('sha256', Buffer.from(signed), { key: this.key, dsaEncoding: 'ieee-p1363' })
    return { ...given(sales), accessToken: `${signed}.${signature.toString('base64url')}` }
  }

  private async push({ accessToken, userId }: Person, changes: Change[]): Promise<void> {
    const batch = { deviceId: 'another', userId, clientTime: new Date().toISOString(), changes }
    const answer = await this.call<{ results: { verdict: string }[] }>(
      accessToken,
      'POST',
      'requests/sync',
      batch,
    )
    const other = answer.results.filter((result) => result.verdict !== 'applied')
    if (other.length > 0) throw new Error(`not all is applied: ${JSON.stringify(other[0])}`)
  }

  private page(token: string, feed: string) {
    type Entry = { record?: { id: string; status: string; revision: string; requestId?: string } }
    return this.call<{ lastSync: string; changes: Entry[] }>(token, 'GET', `${feed}/updates?limit=1000`)
  }

  /** With the place in the feed after all that is so far. */
  private async seen(sales: Person): Promise<Given> {
    return { ...given(sales), lastSync: (await this.page(sales.accessToken, 'requests')).lastSync }
  }

  /** What a submit needs, of the demo organisation. */
  private async content(): Promise<Change> {
    const find = async (list: string, name: 'name' | 'text', value: string): Promise<string> => {
      const { items } = await this.byAdmin<{ items: Record<string, string>[] }>('GET', list)
      return items.find((item) => item[name] === value)?.id ?? ''
    }
    return {
      title: 'Trade fair',
      amount: { minor: 125000, currency: 'EUR' },
      categoryId: await find('categories', 'name', 'Travel'),
      reasonId: await find('reasons', 'text', 'Other'),
    }
  }

  /** Until the request service has heard of the category. */
  private async submit(sales: Person, content: Change): Promise<void> {
    await until('the request is submitted', async () => {
      const answer = await this.call(sales.accessToken, 'POST', 'requests', content).catch(
        (error: Error) => error,
      )
      if (!(answer instanceof Error)) return true
      if (answer.message.includes('unknown_category') || answer.message.includes('chain_incomplete'))
        return null
      throw answer
    })
  }

  private async manyRequests(): Promise<Given> {
    const sales = await this.person('sales')
    for (const count of [500, 500, 1])
      await this.push(
        sales,
        Array.from({ length: count }, () => upsert(randomUUID(), stampNow(), { title: 'Trade fair' })),
      )
    return this.seen(sales)
  }

  /** A submitted request, and its one approver, whose feed has it. */
  private async waiting(): Promise<{ given: Given; sales: Person; requestId: string }> {
    const approver = await this.person('approver')
    const sales = await this.person('sales')
    const category = await this.byAdmin<{ id: string }>('POST', 'categories', {
      name: `Pact ${randomUUID()}`,
      levels: 1,
    })
    const approverIds = [approver.userId]
    const categoryId = category.id
    await this.byAdmin('POST', 'assignments', { categoryId, level: 1, approverIds, quorum: 1 })
    const requestId = randomUUID()
    await this.submit(sales, { ...(await this.content()), id: requestId, categoryId })
    const page = await until('the approval reaches its approver', async () => {
      const found = await this.page(approver.accessToken, 'approvals')
      return found.changes.length > 0 ? found : null
    })
    const record = page.changes[0]?.record
    const { lastSync } = page
    const approval = { approvalId: record?.id ?? '', revision: record?.revision ?? '', lastSync }
    return { given: { ...given(approver), ...approval }, sales, requestId }
  }
}

function given({ userId, email, password, accessToken, refreshToken }: Person): Given {
  return { userId, email, password, accessToken, refreshToken }
}

let stamped = Date.now()

/** Greater than any before. */
function stampNow(): string {
  stamped = Math.max(stamped + 1, Date.now())
  return `${new Date(stamped).toISOString()}-0000-${randomBytes(8).toString('hex')}`
}

function upsert(id: string, hlc: string, fields: Change): Change {
  return { opId: randomUUID(), type: 'upsert', id, hlc, fields }
}

async function until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (Date.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
