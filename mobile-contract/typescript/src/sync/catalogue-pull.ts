/** Brings the catalogue up to date; a list that has not changed is one short answer. */
import { Unreachable } from '../net/api.js'
import type { SessionKeeper } from '../net/session.js'
import type { Ledger } from '../store/index.js'
import type { CatalogueList, CatalogueRow } from '../store/tables.js'

const LISTS: readonly CatalogueList[] = ['categories', 'reasons', 'departments']

interface ListPage {
  items: CatalogueRow['items']
  next?: string | null
}

export async function pullCatalogue(ledger: Ledger, session: SessionKeeper): Promise<void> {
  for (const list of LISTS) {
    const known = ledger.get('catalogue', list)?.etag ?? null
    const found = await pullList(session, list, known)
    if (found !== null) await ledger.change((tx) => tx.put('catalogue', list, found))
  }
}

/** Null if it is still the one with this tag. */
async function pullList(
  session: SessionKeeper,
  list: CatalogueList,
  known: string | null,
): Promise<CatalogueRow | null> {
  const items: CatalogueRow['items'] = []
  let tag: string | null = null
  let cursor: string | null = null
  do {
    const at: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    // The tag is of the whole list, so the first page tells.
    const match = cursor === null && known !== null ? { ifNoneMatch: known } : {}
    const { status, body, etag } = await session.call({
      method: 'GET',
      path: `/api/v1/${list}?limit=1000${at}`,
      ...match,
    })
    if (status === 304) return null
    const page = body as ListPage | null
    if (page === null || !Array.isArray(page.items)) throw new Unreachable('the answer is not a page')
    // It changed between two pages: what is known of it is no version, and is asked for again next time.
    tag = cursor === null || tag === etag ? etag : null
    items.push(...page.items)
    cursor = page.next ?? null
  } while (cursor !== null)
  return { etag: tag, items }
}
