/** One run: people do things on phones that die, with clocks that are wrong, over a network that loses. */
import { InFlight, NotPossible } from '../../src/index.js'
import { organisation } from '../support/organisation.js'
import { PATIENCE_MS } from '../support/server.js'
import { checkWorld } from './check.js'
import { Chance, SimulatedPhone, type World } from './world.js'

const STEPS = 70
const HOUR_MS = 3_600_000
const CLOCKS_MS = [
  0,
  0,
  0,
  45_000,
  -45_000,
  2 * HOUR_MS,
  -2 * HOUR_MS,
  365 * 24 * HOUR_MS,
  -365 * 24 * HOUR_MS,
]

/** What a person typed somewhere, each value once in the world. */
export interface Typed {
  id: string
  value: string
}

export class Story {
  readonly lines: string[] = []
  readonly typed: Typed[] = []
  /** Values that somebody saw and wrote over, or deleted. */
  readonly replaced = new Set<string>()

  tell = (line: string): void => {
    this.lines.push(line)
  }
}

/** @throws with the whole story, also where it comes to no end */
export async function simulate(seed: number): Promise<void> {
  const story = new Story()
  let waiting: ReturnType<typeof setTimeout> | undefined
  const stuck = new Promise<never>((_, reject) => {
    waiting = setTimeout(() => reject(new Error(`no end after ${PATIENCE_MS / 1000} s`)), PATIENCE_MS)
  })
  try {
    await Promise.race([live(seed, story), stuck])
  } catch (error) {
    const told = story.lines.map((line, at) => `${String(at).padStart(3)} ${line}`).join('\n')
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}\n\nThe story:\n${told}`)
  } finally {
    clearTimeout(waiting)
  }
}

async function live(seed: number, story: Story): Promise<void> {
  const world = await begin(seed, story)
  const chance = new Chance(seed ^ 0x5bd1e995)
  for (let step = 0; step < STEPS; step += 1) await act(world, chance, story, step)
  await checkWorld(world, story)
}

async function begin(seed: number, story: Story): Promise<World> {
  const of = await organisation(2)
  const chance = new Chance(seed)
  const [first, second] = of.approvers
  const people = [
    ['sales-1', 'sales', of.sales],
    ['sales-2', 'sales', of.sales],
    ['l1a-1', 'approver', first?.[0]],
    ['l1a-2', 'approver', first?.[0]],
    ['l1b', 'approver', first?.[1]],
    ['l2a', 'approver', second?.[0]],
  ] as const
  const phones: SimulatedPhone[] = []
  for (const [name, role, owner] of people) {
    if (owner === undefined) throw new Error('the organisation is too small')
    const phone = new SimulatedPhone(name, role, owner, chance, story.tell)
    await phone.open(0)
    phones.push(phone)
  }
  return { of, phones }
}

async function act(world: World, chance: Chance, story: Story, step: number): Promise<void> {
  const phone = chance.pick(world.phones)
  while (phone.gone) await phone.reopen()
  const dice = chance.next()
  if (dice < 0.3) {
    const [how, fault, wait] = phone.fault()
    story.tell(`${phone.name} syncs, ${how}`)
    await phone.sync(fault, wait)
  } else if (dice < 0.36) {
    story.tell(`${phone.name} gets what was held back`)
    await phone.release()
  } else if (dice < 0.42) {
    phone.phone.skewMs = chance.pick(CLOCKS_MS)
    story.tell(`${phone.name}'s clock is off by ${phone.phone.skewMs / 1000} s`)
  } else if (dice < 0.5) {
    story.tell(`${phone.name} is killed, and will be again`)
    await phone.doom()
  } else if (phone.role === 'sales') {
    await write(world, phone, chance, story, step)
  } else {
    await vote(phone, chance, story)
  }
}

/** Something a person tries; that the app says it cannot be done is an answer too. */
async function tried(phone: SimulatedPhone, work: () => Promise<unknown>): Promise<boolean> {
  return phone.alive(async () => {
    await work().catch((error) => {
      if (!(error instanceof NotPossible || error instanceof InFlight)) throw error
    })
  })
}

async function write(
  world: World,
  phone: SimulatedPhone,
  chance: Chance,
  story: Story,
  step: number,
): Promise<void> {
  const { categoryId, reasonId } = world.of
  const { requests } = phone.client
  const all = requests.list()
  const value = `v${step}-${phone.name}`
  if (all.length === 0 || chance.next() < 0.2) {
    story.tell(`${phone.name} drafts ${value}`)
    const amount = { minor: 1 + step, currency: 'EUR' as const }
    await tried(phone, () =>
      requests.create({ title: value, amount, categoryId, reasonId, justification: 'We need it.' }),
    )
    return
  }
  const { id, justification } = chance.pick(all)
  const shows = () => JSON.stringify(phone.client.requests.get(id))
  const before = shows()
  const [what, work] = chance.pick<[string, () => Promise<unknown>]>([
    ['titles', () => requests.edit(id, { title: value })],
    ['titles', () => requests.edit(id, { title: value })],
    ['places', () => requests.edit(id, { region: value })],
    ['types into', () => requests.openText(id).set(`${justification ?? ''} ${value}`.trim())],
    ['types into', () => requests.openText(id).set(`${justification ?? ''} ${value}`.trim())],
    ['submits', () => requests.submit(id)],
    ['submits', () => requests.submit(id)],
    ['withdraws', () => requests.withdraw(id)],
    ['deletes', () => requests.delete(id)],
  ])
  story.tell(`${phone.name} ${what} ${id} (${value})`)
  await tried(phone, work)
  const after = shows()
  for (const typed of story.typed) {
    if (before.includes(`${typed.value}"`) && !after.includes(`${typed.value}"`))
      story.replaced.add(typed.value)
  }
  if (after.includes(value)) story.typed.push({ id, value })
}

async function vote(phone: SimulatedPhone, chance: Chance, story: Story): Promise<void> {
  const { approvals, notices } = phone.client
  const known = approvals.list()
  const pending = notices.list()
  if (pending.length > 0 && chance.next() < 0.3) {
    const { id, code, kind } = chance.pick(pending)
    story.tell(`${phone.name} reads that its vote is ${kind} (${code}), and tries again`)
    await tried(phone, () => notices.retry(id))
    return
  }
  if (known.length === 0) return
  const { id, level } = chance.pick(known)
  const [what, work] = chance.pick<[string, () => Promise<unknown>]>([
    ['approves', () => approvals.approve(id)],
    ['approves', () => approvals.approve(id, 'Fine')],
    ['rejects', () => approvals.reject(id, 'No')],
    ['rolls back', () => approvals.rollback(id)],
  ])
  story.tell(`${phone.name} ${what} level ${level} of ${id}`)
  await tried(phone, work)
}
