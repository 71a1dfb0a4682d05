/** People of their own for each test, made by the demo organisation's admin. */
import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'

export const PASSWORD = 'correct horse battery'
/** An access token is good for 15 minutes, and five hundred storms take longer. */
const ADMIN_TOKEN_MS_MAX = 600_000
let adminToken: Promise<string> | null = null
let adminTokenAtMs = 0

export function serverUrl(): string {
  return inject('athenaUrl')
}

/** A plain call, for arranging and for looking at what the server holds. */
export async function call<T>(
  token: string | null,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
  const init: RequestInit = { method, headers }
  if (body !== undefined) {
    headers['content-type'] = 'application/json'
    init.body = JSON.stringify(body)
  }
  const answer = await fetch(serverUrl() + path, init)
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return (text === '' ? null : JSON.parse(text)) as T
}

export async function tokenOf(email: string, password = PASSWORD): Promise<string> {
  const session = await call<{ accessToken: string }>(null, 'POST', '/api/v1/auth/login', { email, password })
  return session.accessToken
}

export function admin(): Promise<string> {
  if (adminToken === null || Date.now() - adminTokenAtMs > ADMIN_TOKEN_MS_MAX) {
    adminTokenAtMs = Date.now()
    adminToken = tokenOf('admin@demo.athena', 'athena-demo')
  }
  return adminToken
}

export interface Person {
  id: string
  email: string
}

export async function person(role: 'sales' | 'approver'): Promise<Person> {
  const email = `${role}-${randomUUID()}@test.athena`
  const body = { email, name: `Test ${role}`, roles: [role], password: PASSWORD }
  return call<Person>(await admin(), 'POST', '/api/v1/users', body)
}

export interface Organisation {
  sales: Person
  /** Two approvers a level. */
  approvers: Person[][]
  categoryId: string
  reasonId: string
}

/** A sales person, a category of so many levels with approvers of its own, and a reason. */
export async function organisation(levels: 1 | 2 | 3 = 1): Promise<Organisation> {
  const token = await admin()
  const category = await call<{ id: string }>(token, 'POST', '/api/v1/categories', {
    name: `Category ${randomUUID()}`,
    levels,
  })
  const reason = await call<{ id: string }>(token, 'POST', '/api/v1/reasons', {
    text: `Reason ${randomUUID()}`,
  })
  const sales = await person('sales')
  const approvers: Person[][] = []
  for (let level = 1; level <= levels; level += 1) {
    const pair = [await person('approver'), await person('approver')]
    const approverIds = pair.map((one) => one.id)
    await call(token, 'POST', '/api/v1/assignments', {
      categoryId: category.id,
      level,
      approverIds,
      quorum: 1,
    })
    approvers.push(pair)
  }
  return { sales, approvers, categoryId: category.id, reasonId: reason.id }
}
