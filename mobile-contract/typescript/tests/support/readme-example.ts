/** The README's first example, so that it compiles; a test holds the two together. */
import Realm from 'realm'
import { environment, fetchTransport, openClient, type Vault, xhrStream } from '../../src/index.js'
import { athenaSchemas, realmStore } from '../../src/stores/realm.js'

export async function example(
  userName: string,
  deviceId: string,
  password: string,
  vault: Vault,
  randomBytes: (count: number) => Uint8Array,
): Promise<string> {
  const realm = await Realm.open({
    path: `athena-${userName}.realm`,
    schema: athenaSchemas,
    schemaVersion: 1,
  })
  const client = await openClient({
    baseUrl: 'https://budget.example.com',
    deviceId,
    store: realmStore(realm),
    environment: environment(randomBytes),
    transport: fetchTransport(fetch, AbortController),
    openStream: xhrStream(XMLHttpRequest),
    vault,
  })
  await client.login('sales1@demo.athena', password)
  client.start()
  const id = await client.requests.create({ title: 'Trade fair', amount: { minor: 125000, currency: 'EUR' } })
  return id
}
