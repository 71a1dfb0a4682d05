/** The requests of the person signed in, as the app reads and changes them. */
import type { Environment } from './environment.js'
import { newId } from './ids.js'
import {
  createRequest,
  deleteRequest,
  editRequest,
  NotPossible,
  submitRequest,
  viewIn,
  withdrawRequest,
} from './queue/edit.js'
import { findItem, itemsOf } from './queue/queue.js'
import type { Settled } from './queue/settle.js'
import { userOf } from './records/records.js'
import { contentOf, type RequestView, requestView } from './records/request-view.js'
import type { Ledger, Tx } from './store/index.js'
import type { QueueItem } from './store/tables.js'
import { OpenText, type TextBase, type TextEditor } from './text.js'
import { Views } from './views.js'
import type { Content, Request, Stamp } from './wire/types.js'

export class Requests {
  private readonly views: Views<Request, RequestView>
  private readonly editors = new Set<OpenText>()

  constructor(
    private readonly ledger: Ledger,
    private readonly env: Environment,
    private readonly queued: () => void,
  ) {
    this.views = new Views(ledger, 'requests', (record, items) =>
      requestView(record, items, ledger.meta('user')?.id ?? ''),
    )
  }

  /** What the device knows, queued changes included; newest first. The same array until something changes. */
  list(): readonly RequestView[] {
    return this.views.list()
  }

  get(id: string): RequestView | null {
    return this.views.get(id)
  }

  /** A new draft; durable when it returns. `id`: a UUID, drawn if not given. @throws InvalidEdit, StoreFailed */
  async create(fields: Partial<Content>, id?: string): Promise<string> {
    const made = id?.toLowerCase() ?? newId(this.env)
    await this.change((tx) => createRequest(tx, this.env, made, fields))
    return made
  }

  /** Writes fields of a draft: null clears, absent leaves. @throws InvalidEdit, NotPossible, StoreFailed */
  async edit(id: string, fields: Partial<Content>): Promise<void> {
    await this.change((tx) => editRequest(tx, this.env, id, fields))
  }

  /** Opens the justification for typing. @throws NotPossible */
  openText(id: string): TextEditor {
    const view = this.get(id)
    if (view === null) throw new NotPossible('not_found', 'there is no such request on this device')
    const pending = itemsOf(this.ledger, 'requests', id).filter(isTextEdit).pop()
    const base: TextBase =
      pending === undefined ? { heads: view.justificationHeads } : { opId: pending.change.opId }
    const queueEdit = async (text: string, from: () => TextBase) => {
      const item = await this.change((tx) =>
        editRequest(tx, this.env, id, { justification: text }, this.resolve(tx, from())),
      )
      return item?.change.opId ?? null
    }
    const editor = new OpenText(view.justification ?? '', base, queueEdit, (closed) =>
      this.editors.delete(closed),
    )
    this.editors.add(editor)
    return editor
  }

  /** Seals what is shown, no matter what arrived at the server meanwhile: then it is refused. @throws NotPossible */
  async submit(id: string): Promise<void> {
    await this.change((tx) => submitRequest(tx, this.env, id))
  }

  /** @throws NotPossible */
  async withdraw(id: string): Promise<void> {
    await this.change((tx) => withdrawRequest(tx, this.env, id))
  }

  /** @throws NotPossible */
  async delete(id: string): Promise<void> {
    await this.change((tx) => deleteRequest(tx, this.env, id))
  }

  /** A copy as a new draft, for what was withdrawn, rejected or is final. @throws NotPossible */
  async copy(id: string): Promise<string> {
    const made = newId(this.env)
    await this.change((tx) => {
      const view = viewIn(tx, id)
      if (view === null) throw new NotPossible('not_found', 'there is no such request on this device')
      const given = Object.entries(contentOf(view)).filter(([, value]) => value !== null)
      createRequest(tx, this.env, made, Object.fromEntries(given))
    })
    return made
  }

  /** @internal */
  settled(settled: readonly Settled[]): void {
    for (const { opId, base } of settled) for (const editor of this.editors) editor.settled(opId, base)
  }

  /** Undefined, and so what is shown now, if the edit it names was taken back. */
  private resolve(tx: Tx, base: TextBase): Stamp[] | undefined {
    if ('heads' in base) return base.heads
    const item = findItem(tx, base.opId)
    return item === undefined ? undefined : [item.change.hlc]
  }

  private async change<R>(work: (tx: Tx) => R): Promise<R> {
    const result = await this.ledger.change((tx) => {
      userOf(tx)
      return work(tx)
    })
    this.queued()
    return result
  }
}

function isTextEdit({ change }: QueueItem): boolean {
  return change.type === 'upsert' && change.fields.justification !== undefined
}
