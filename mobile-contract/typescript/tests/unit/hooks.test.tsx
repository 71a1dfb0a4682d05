// @vitest-environment jsdom
/** The hooks, in a rendered component, over a client on the test's own network. */
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { type Client, type HttpRequest, memoryStore, memoryVault, openClient } from '../../src/index.js'
import {
  AthenaProvider,
  useClient,
  useIncoming,
  useNotices,
  useRequest,
  useRequests,
  useSyncStatus,
} from '../../src/react.js'
import { allApplied, answer, emptyPage, FakeTime, TOKENS, USER } from '../support/fake-world.js'

afterEach(cleanup)

let draws = 0

function List() {
  draws += 1
  const requests = useRequests()
  const drafts = useRequests('draft')
  const { queued, phase, notices: count } = useSyncStatus()
  const { notices, acknowledge } = useNotices()
  const first = useRequest(requests[0]?.id ?? '')
  const incoming = useIncoming()
  return (
    <>
      <p data-testid="status">{`${phase}, ${queued} queued, ${count} notices, ${incoming.length} waiting`}</p>
      <p data-testid="titles">
        {requests.map((view) => `${view.title}${view.queued > 0 ? '*' : ''}`).join(',')}
      </p>
      <p data-testid="first">{`${first?.title ?? 'none'} of ${drafts.length}`}</p>
      {notices.map(({ id, code }) => (
        <button type="button" key={id} onClick={() => void acknowledge(id)}>
          {code}
        </button>
      ))}
    </>
  )
}

async function opened(answers: (request: HttpRequest) => ReturnType<typeof answer>): Promise<Client> {
  const client = await openClient({
    baseUrl: 'https://budget.test',
    store: memoryStore(),
    transport: async (request) => answers(request),
    environment: new FakeTime().environment,
    deviceId: 'device',
    vault: memoryVault(),
  })
  await client.signIn(USER, TOKENS)
  return client
}

const text = (id: string) => screen.getByTestId(id).textContent

test('show what is queued, what is settled, and what was refused until it is acknowledged', async () => {
  let refuse = false
  const client = await opened((request) => {
    if (request.method === 'GET') return answer(200, emptyPage())
    const applied = JSON.parse(allApplied(request).body)
    if (refuse)
      for (const result of applied.results) Object.assign(result, { verdict: 'rejected', code: 'locked' })
    return answer(200, applied)
  })
  render(
    <AthenaProvider client={client}>
      <List />
    </AthenaProvider>,
  )
  expect(text('status')).toBe('idle, 0 queued, 0 notices, 0 waiting')
  let id = ''
  await act(async () => {
    id = await client.requests.create({ title: 'Booth' })
  })
  expect(text('titles')).toBe('Booth*')
  expect(text('first')).toBe('Booth of 1')
  await act(async () => void (await client.sync()))
  expect(text('titles')).toBe('Booth')
  expect(text('status')).toBe('idle, 0 queued, 0 notices, 0 waiting')
  refuse = true
  await act(async () => {
    await client.requests.edit(id, { title: 'Stand' })
    await client.sync()
  })
  expect(text('titles')).toBe('Booth')
  expect(text('status')).toContain('1 notices')
  await act(async () => {
    fireEvent.click(screen.getByText('locked'))
  })
  expect(text('status')).toContain('0 notices')
})

test('a sync that brings nothing new draws the status only, and the lists keep their identity', async () => {
  const client = await opened((request) =>
    request.method === 'GET' ? answer(200, emptyPage()) : allApplied(request),
  )
  await client.requests.create({ title: 'Booth' })
  await client.sync()
  const before = client.requests.get(client.requests.list()[0]?.id ?? '')
  await client.sync()
  expect(client.requests.get(before?.id ?? '')).toBe(before)
  expect(client.status()).toBe(client.status())
  render(
    <AthenaProvider client={client}>
      <List />
    </AthenaProvider>,
  )
  draws = 0
  await act(async () => void (await client.sync()))
  expect(draws).toBeLessThanOrEqual(8)
})

function Lost() {
  return <p>{String(useClient())}</p>
}

test('without a provider they say what is missing', () => {
  expect(() => render(<Lost />)).toThrow('AthenaProvider')
})
