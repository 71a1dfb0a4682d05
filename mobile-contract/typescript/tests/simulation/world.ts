/** The people, phones and network of one simulated run; everything random comes from its seed. */
import { type Client, openClient, type Status } from '../../src/index.js'
import { Life } from '../support/mortal.js'
import { type Organisation, PASSWORD, type Person, serverUrl } from '../support/organisation.js'
import { type Fault, network, online, Phone } from '../support/phone.js'

export class Chance {
  constructor(private state: number) {}

  /** Uniform in [0, 1) (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T
  }
}

/** A phone whose calls can be lost, doubled, held back and cut, and whose app dies anywhere. */
export class SimulatedPhone {
  readonly phone: Phone
  client!: Client
  private life = new Life(0)
  private held: (() => void)[] = []
  /** Its calls are held back: whoever waits for a round waits until they are let through. */
  private parked = false
  private reopened: Promise<void> = Promise.resolve()
  private opening = 0
  /** Copies of calls that will arrive once more, later. */
  private copies: (() => Promise<unknown>)[] = []

  constructor(
    readonly name: string,
    readonly role: 'sales' | 'approver',
    owner: Person,
    private readonly chance: Chance,
    private readonly tell: (what: string) => void,
  ) {
    this.phone = new Phone(owner)
  }

  /** Opens the app; it will die at this place, or never. */
  async open(diesAt: number): Promise<void> {
    this.life.kill()
    this.held = []
    this.parked = false
    this.life = new Life(diesAt)
    const opening = openClient({
      baseUrl: serverUrl(),
      store: this.life.store(this.phone.store()),
      transport: this.life.transport((request) => this.phone.fault(request, () => network(request))),
      environment: this.phone.environment,
      deviceId: this.phone.deviceId,
      vault: this.life.vault(this.phone.vault),
    })
    await this.alive(async () => {
      this.client = await opening
      if ((await this.phone.vault.load()) === null) await this.client.login(this.phone.owner.email, PASSWORD)
    }, true)
  }

  /** Does something with the app; false if the app died over it. It is open again then. */
  async alive(work: () => Promise<unknown>, opening = false): Promise<boolean> {
    while (this.gone && !opening) await this.reopen(this.life)
    const { life } = this
    const ended = await Promise.race([work().then(() => true), life.death.then(() => false)])
    if (!ended && !(opening && life !== this.life)) await this.reopen(life)
    return ended
  }

  /** Its app is dead, or not open yet. One that dies while its calls are held back is opened by whoever heard of it. */
  get gone(): boolean {
    return this.life.dead || this.opening > 0
  }

  /** Of several who wait for one app, the first to hear of its death opens it again; the others wait for that. */
  async reopen(life: Life = this.life): Promise<void> {
    if (life === this.life && life.dead) {
      this.tell(`${this.name} dies, and is opened again`)
      this.opening += 1
      this.reopened = this.open(0).finally(() => {
        this.opening -= 1
      })
    }
    await this.reopened
  }

  /** The app will die somewhere in what it does next. */
  async doom(): Promise<void> {
    await this.open(3 + this.chance.below(25))
  }

  async sync(fault: Fault, wait: boolean): Promise<Status | null> {
    this.phone.fault = fault
    let status: Status | null = null
    const work = async () => {
      status = await this.client.sync()
    }
    this.parked ||= !wait
    if (!this.parked) await this.alive(work)
    else void this.alive(work)
    return status
  }

  /** What the network does to the next sync. */
  fault(): [string, Fault, boolean] {
    return this.chance.pick<[string, Fault, boolean]>([
      ['well', online, true],
      ['well', online, true],
      ['and nothing arrives', () => Promise.reject(new Error('lost on the way')), true],
      [
        'and the answer is lost',
        (_, send) => send().then(() => Promise.reject(new Error('lost on the way back'))),
        true,
      ],
      ['and half the answer comes', halved, true],
      ['and each call arrives twice', (_, send) => send().then(send), true],
      ['and each call arrives again later', (_, send) => this.again(send), true],
      ['and the calls are held back', (_, send) => this.hold(send), false],
    ])
  }

  /** Lets through what was held back, and delivers the copies. */
  async release(): Promise<void> {
    // The round that was held back goes on in peace.
    this.phone.fault = online
    this.parked = false
    for (const go of this.held.splice(0)) go()
    for (const copy of this.copies.splice(0)) await copy().catch(() => undefined)
    await this.alive(async () => void (await this.client.sync()))
  }

  private again(send: () => Promise<never> | ReturnType<typeof network>) {
    this.copies.push(send)
    return send()
  }

  private async hold(send: () => ReturnType<typeof network>) {
    await new Promise<void>((resolve) => this.held.push(resolve))
    return send()
  }
}

const halved: Fault = async (_, send) => {
  const answer = await send()
  return { ...answer, body: answer.body.slice(0, answer.body.length / 2) }
}

export interface World {
  of: Organisation
  phones: SimulatedPhone[]
}
