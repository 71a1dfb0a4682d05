/** Runs inside Chromium: the client on IndexedDB, with the browser's own fetch and XMLHttpRequest. */
import {
  type Client,
  environment,
  fetchStream,
  fetchTransport,
  openClient,
  xhrStream,
} from '../../src/index.js'
import { indexedDbStore } from '../../src/stores/indexeddb.js'

const vault = {
  load: async () => JSON.parse(localStorage.getItem('tokens') ?? 'null'),
  save: async (tokens: unknown) => localStorage.setItem('tokens', JSON.stringify(tokens)),
}

async function open(stream: 'xhr' | 'fetch'): Promise<Client> {
  const fetched = fetch.bind(globalThis)
  return openClient({
    baseUrl: location.origin,
    store: indexedDbStore(indexedDB, 'athena'),
    transport: fetchTransport(fetched, AbortController),
    openStream:
      stream === 'xhr' ? xhrStream(XMLHttpRequest) : fetchStream(fetched, AbortController, new TextDecoder()),
    environment: environment((count) => crypto.getRandomValues(new Uint8Array(count))),
    deviceId: 'browser',
    vault,
  })
}

Object.assign(globalThis, { openAthena: open })
