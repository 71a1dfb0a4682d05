/** The real Realm engine for Node, built by scripts/realm-node/build; typed as the realm that phones run. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type RealmType from 'realm'
import type { Store } from '../../src/index.js'
import { athenaSchemas, type RealmLike, realmStore } from '../../src/stores/realm.js'

const folder = process.env.ATHENA_REALM
if (folder === undefined)
  throw new Error(
    'ATHENA_REALM must name the folder that scripts/realm-node/build prints (scripts/test-mobile sets it)',
  )

type RealmClass = typeof RealmType
export const Realm = createRequire(import.meta.url)(folder) as RealmClass

export async function realmDisk() {
  const home = await mkdtemp(join(tmpdir(), 'athena-realm-'))
  let open: RealmType | null = null
  const realm = async (): Promise<RealmType> => {
    open?.close()
    // The schemas are frozen in our types and need not be in Realm's.
    open = await Realm.open({
      path: join(home, 'athena.realm'),
      schema: athenaSchemas as never,
      schemaVersion: 1,
    })
    return open
  }
  return {
    realm,
    // Realm 20's own type is one of ours, without a cast.
    store: async (): Promise<Store> => realmStore((await realm()) satisfies RealmLike),
    destroy: async () => {
      open?.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}
