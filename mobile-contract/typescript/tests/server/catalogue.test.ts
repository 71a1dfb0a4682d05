/** What there is to choose from, without a network. */
import { expect, test } from 'vitest'
import { admin, call, organisation } from '../support/organisation.js'
import { type Fault, network, offline, phone } from '../support/phone.js'

test('is kept on the device, and brought again only where it changed', async () => {
  const { sales, categoryId, reasonId } = await organisation()
  const a = await phone(sales)
  await a.client.sync()
  a.fault = offline
  await a.open()
  const { catalogue } = a.client
  expect(catalogue.categories().find((one) => one.id === categoryId)).toMatchObject({
    levels: 1,
    active: true,
  })
  expect(catalogue.reasons().some((one) => one.id === reasonId)).toBe(true)
  expect(catalogue.departments().length).toBeGreaterThan(0)

  const statuses: [string, number][] = []
  const watched: Fault = async (request) => {
    const answer = await network(request)
    statuses.push([new URL(request.url).pathname.split('/').pop() ?? '', answer.status])
    return answer
  }
  a.fault = watched
  const before = a.client.catalogue.departments()
  await a.client.sync()
  // Other tests write categories and reasons at the same time; departments stay.
  expect(statuses).toContainEqual(['departments', 304])
  expect(a.client.catalogue.departments()).toBe(before)

  await call(await admin(), 'DELETE', `/api/v1/categories/${categoryId}`)
  await a.client.sync()
  expect(a.client.catalogue.categories().find((one) => one.id === categoryId)).toMatchObject({
    active: false,
  })
  expect(a.client.status()).toMatchObject({ phase: 'idle', error: null })
})
