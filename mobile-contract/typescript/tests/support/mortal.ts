/** Kills an app at any place where it waits: nothing after that place happens, and what is on disk stays. */
import type { HttpRequest, HttpResponse, Store, Transport, Vault } from '../../src/index.js'

const never = new Promise<never>(() => {})

export class Life {
  /** Places passed so far. */
  passed = 0
  /** Resolves when it is over. */
  readonly death: Promise<void>
  private end!: () => void

  /** Dies at this place, counted from 1; never if 0. */
  constructor(private readonly diesAt: number) {
    this.death = new Promise((resolve) => {
      this.end = resolve
    })
  }

  private killed = false

  get dead(): boolean {
    return this.killed || (this.diesAt > 0 && this.passed >= this.diesAt)
  }

  kill(): void {
    this.killed = true
    this.end()
  }

  /** A place where the app waits. */
  async place(): Promise<void> {
    if (this.dead) return never
    this.passed += 1
    if (this.dead) {
      this.end()
      return never
    }
  }

  async around<T>(work: () => Promise<T>): Promise<T> {
    await this.place()
    const result = await work()
    await this.place()
    return result
  }

  store(inner: Store): Store {
    return {
      open: () => this.around(() => inner.open()),
      commit: (writes) => this.around(() => inner.commit(writes)),
      close: () => this.around(() => inner.close()),
    }
  }

  transport(inner: Transport): Transport {
    return (request: HttpRequest): Promise<HttpResponse> => this.around(() => inner(request))
  }

  vault(inner: Vault): Vault {
    return {
      load: () => this.around(() => inner.load()),
      save: (tokens) => this.around(() => inner.save(tokens)),
    }
  }
}
