/**
 * An editor of a justification. It remembers what its text was made from, so that a pull while somebody types
 * takes nothing away from either: the server merges both.
 */
import type { Stamp } from './wire/types.js'

export interface TextEditor {
  /** The text as last set here, or as it was when the editor was opened. */
  readonly text: string
  /** Queues the whole new text. Durable when it returns; the next `set` may follow at once. */
  set(text: string): Promise<void>
  close(): void
}

/** What the next edit is based on: stamps, or an own edit whose stamp may still change while it is queued. */
export type TextBase = { heads: Stamp[] } | { opId: string }

export class OpenText implements TextEditor {
  private last: Promise<unknown> = Promise.resolve()

  constructor(
    private shown: string,
    /** Changed by the client as the edits it names are settled. */
    public base: TextBase,
    private readonly queueEdit: (text: string, from: () => TextBase) => Promise<string | null>,
    private readonly onClose: (editor: OpenText) => void,
  ) {}

  get text(): string {
    return this.shown
  }

  set(text: string): Promise<void> {
    this.shown = text
    const queued = this.last.then(async () => {
      const opId = await this.queueEdit(text, () => this.base)
      if (opId !== null) this.base = { opId }
    })
    this.last = queued.catch(() => undefined)
    return queued
  }

  /** An edit that this one goes on from has got its answer. */
  settled(opId: string, base: Stamp[]): void {
    if ('opId' in this.base && this.base.opId === opId) this.base = { heads: base }
  }

  close(): void {
    this.onClose(this)
  }
}
