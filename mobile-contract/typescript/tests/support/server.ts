/** Starts the real server once for all tests: `ATHENA_BIN` names the program. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

/** How long anything may take on a machine that is busy otherwise. */
export const PATIENCE_MS = 60_000

declare module 'vitest' {
  interface ProvidedContext {
    athenaUrl: string
  }
}

export interface Server {
  url: string
  port: number
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function ready(url: string, child: ChildProcess, log: () => string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`athena ended with ${child.exitCode}: ${log()}`)
    const answer = await fetch(`${url}/readyz`).catch(() => null)
    if (answer?.status === 200) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`athena did not become ready: ${log()}`)
}

export interface ServerOptions {
  /** A data folder that outlives the server; without it, one of its own that goes with it. */
  data?: string
  port?: number
  /** As the setting; `off` where it is not given. */
  rateLimit?: string
}

/** A server with the demo organisation. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const binary = process.env.ATHENA_BIN
  if (binary === undefined)
    throw new Error('ATHENA_BIN must name the athena program (scripts/test-mobile sets it)')
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'athena-mobile-')))
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  // The program takes every ATHENA_ variable for a setting, and refuses those it does not know.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('ATHENA_'))
  const env = { ...Object.fromEntries(inherited), ATHENA_RATE_LIMIT: options.rateLimit ?? 'off' }
  const child = spawn(binary, ['serve', '--demo', '--listen', `127.0.0.1:${port}`, '--data-dir', data], {
    env,
  })
  let text = ''
  const keep = (piece: Buffer) => {
    text = (text + piece.toString()).slice(-4000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  await ready(url, child, () => text)
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
    if (options.data === undefined) await rm(data, { recursive: true, force: true })
  }
  return { url, port, stop }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer()
  project.provide('athenaUrl', server.url)
  return server.stop
}
