/** A server that was restored from a backup: it has forgotten what it had acknowledged since. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { offline, online, Phone } from '../support/phone.js'
import { startServer } from '../support/server.js'

const SALES = { id: '', email: 'sales2@demo.athena' }

async function signedIn(url: string): Promise<Phone> {
  const phone = new Phone(SALES, url, 'athena-demo')
  await phone.open()
  await phone.login()
  return phone
}

async function catalogueOf({ url, vault }: Phone): Promise<{ categoryId: string; reasonId: string }> {
  const authorization = `Bearer ${(await vault.load())?.accessToken}`
  const read = async (path: string) => {
    const answer = await fetch(`${url}/api/v1/${path}`, { headers: { authorization } })
    return ((await answer.json()) as { items: { id: string; categoryId?: string | null }[] }).items
  }
  const category = (await read('categories'))[0]
  const reason = (await read('reasons')).find((one) => (one.categoryId ?? category?.id) === category?.id)
  return { categoryId: category?.id ?? '', reasonId: reason?.id ?? '' }
}

test('410: the queue is untouched, own newer values are queued again, what is gone is dropped or told', async () => {
  const home = await mkdtemp(join(tmpdir(), 'athena-restore-'))
  const [data, backup] = [join(home, 'data'), join(home, 'backup')]
  let server = await startServer({ data })
  try {
    const [a, other] = [await signedIn(server.url), await signedIn(server.url)]
    await a.client.sync()
    const catalogue = await catalogueOf(a)
    const id = await a.client.requests.create({
      title: 'Before the backup',
      amount: { minor: 500, currency: 'EUR' },
      ...catalogue,
      justification: 'Old text.',
    })
    await a.client.sync()
    await other.client.sync()

    await server.stop()
    await cp(data, backup, { recursive: true })
    server = await startServer({ data, port: server.port })

    await a.client.requests.edit(id, { title: 'After the backup' })
    await a.client.requests.openText(id).set('Old text. New words.')
    const lost = await a.client.requests.create({ title: 'Made after the backup' })
    await a.client.sync()
    await a.client.requests.submit(id)
    await a.client.sync()
    expect(a.client.requests.get(id)?.status).toBe('pending_l1')
    // The other phone has a draft that the server will not know, and did not make it.
    await other.client.sync()
    expect(other.client.requests.get(lost)?.title).toBe('Made after the backup')

    await server.stop()
    await rm(data, { recursive: true })
    await cp(backup, data, { recursive: true })
    server = await startServer({ data, port: server.port })

    a.fault = offline
    const queued = await a.client.requests.create({ title: 'Still queued' })
    await a.client.sync()
    a.fault = online
    await a.client.sync()
    await a.client.sync()
    expect(a.client.status()).toMatchObject({ phase: 'idle', queued: 0 })
    expect(a.client.requests.get(queued)).toMatchObject({ title: 'Still queued', queued: 0 })
    expect(a.client.requests.get(id)).toMatchObject({
      status: 'draft',
      title: 'After the backup',
      justification: 'Old text. New words.',
    })
    expect(a.client.requests.get(lost)).toMatchObject({ title: 'Made after the backup' })
    expect(a.client.notices.list()).toMatchObject([{ kind: 'reverted', recordId: id }])

    // The files were copied by hand, so no gap is recorded: this phone's place is one the server knows again.
    await other.client.sync()
    const shown = (phone: Phone) =>
      phone.client.requests.list().map(({ id: of, title, status }) => ({ of, title, status }))
    const sorted = (list: { of: string }[]) => list.sort((one, two) => (one.of < two.of ? -1 : 1))
    expect(sorted(shown(other))).toEqual(sorted(shown(a)))
    await a.client.requests.submit(id)
    await a.client.sync()
    expect(a.client.requests.get(id)?.status).toBe('pending_l1')
  } finally {
    await server.stop()
    await rm(home, { recursive: true, force: true })
  }
})
