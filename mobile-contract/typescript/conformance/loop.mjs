/**
 * The client as `athena conformance` drives it: commands in, answers out, a JSON object a line. After `npm run build`:
 *
 *   athena conformance --command 'node mobile-contract/typescript/conformance/loop.mjs'
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { fetchTransport, openClient, WrongUser } from '../dist/index.js'
import { sqliteStore } from '../dist/stores/sqlite.js'

let client
let nowMs = 0
/** Commands during which the device is online; otherwise no request leaves it, as the suite alone says when. */
let online = 0
let timers = []

const environment = {
  nowMs: () => nowMs,
  randomBytes: (count) => new Uint8Array(randomBytes(count)),
  timer(afterMs, call) {
    const timer = { at: nowMs + afterMs, call }
    timers.push(timer)
    return () => {
      timers = timers.filter((other) => other !== timer)
    }
  },
}

const network = fetchTransport(fetch, AbortController)
const transport = (request) => (online > 0 ? network(request) : Promise.reject(new Error('offline')))

/** Tokens in a file, which a kill leaves whole. */
function fileVault(path) {
  return {
    load: async () => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null),
    async save(tokens) {
      writeFileSync(`${path}.new`, JSON.stringify(tokens))
      renameSync(`${path}.new`, path)
    },
  }
}

/** Online while it runs and until no round is under way. */
async function whileOnline(work) {
  online += 1
  try {
    await work()
    while (client.status().phase === 'syncing') await pause(1)
  } finally {
    online -= 1
  }
}

const commands = {
  async hello({ baseUrl, store, nowMs: now, email, password }) {
    nowMs = now
    const database = sqliteStore(new Database(store))
    const vault = fileVault(`${store}.tokens`)
    client = await openClient({ baseUrl, store: database, transport, environment, deviceId: store, vault })
    if (client.status().user === null) await whileOnline(() => client.login(email, password))
    client.start()
    while (client.status().phase === 'syncing') await pause(1)
  },
  set_clock({ nowMs: now }) {
    nowMs = now
  },
  login: ({ email, password }) =>
    whileOnline(() =>
      client.login(email, password).catch((error) => {
        if (!(error instanceof WrongUser)) throw error
      }),
    ),
  async edit({ id, fields }) {
    if (client.requests.get(id) === null) await client.requests.create(fields, id)
    else await client.requests.edit(id, fields)
  },
  submit: ({ id }) => client.requests.submit(id),
  withdraw: ({ id }) => client.requests.withdraw(id),
  delete: ({ id }) => client.requests.delete(id),
  vote: async ({ id, vote, comment }) => void (await client.approvals[vote](id, comment)),
  sync: () => whileOnline(() => client.sync()),
  tick: () =>
    whileOnline(() => {
      const due = timers.filter((timer) => timer.at <= nowMs)
      timers = timers.filter((timer) => timer.at > nowMs)
      for (const { call } of due) call()
    }),
  async dismiss({ opId }) {
    for (const { id, change } of client.notices.list())
      if (change?.opId === opId) await client.notices.acknowledge(id)
  },
  state() {
    const byId = (views) => Object.fromEntries(views.map((view) => [view.id, view]))
    return {
      queue: client.queue.list().map(({ change: { opId, id, type } }) => ({ opId, id, type })),
      records: byId(client.requests.list()),
      approvals: byId(client.approvals.list()),
      notices: client.notices.list().map(({ kind, recordId: id, code, change, superseded }) => {
        const fields = kind === 'superseded' ? superseded : Object.keys(change?.fields ?? {})
        return { kind, opId: change?.opId ?? null, id, code, fields }
      }),
      signedIn: client.status().phase !== 'signed_out',
    }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { n, cmd, ...given } = JSON.parse(line)
  const answer = (more) => process.stdout.write(`${JSON.stringify({ n, ...more })}\n`)
  // Not awaited: what is asked meanwhile must not wait for a sync to end.
  Promise.resolve()
    .then(() => commands[cmd](given))
    .then(
      (more) => answer(typeof more === 'object' ? more : {}),
      (error) => answer({ error: String(error?.stack ?? error) }),
    )
}
process.exit(0)
