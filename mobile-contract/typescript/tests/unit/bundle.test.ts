/** What an app takes in: how large it is, and what it asks of the engine. */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'

const CORE_BYTES_MAX = 25 * 1024
let inputs: string[]
let code: string

async function bundled(entry: string, external: string[] = []): Promise<{ inputs: string[]; code: string }> {
  const entryPoint = new URL(`../../src/${entry}`, import.meta.url).pathname
  const result = await build({
    entryPoints: [entryPoint],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2020',
    // Neutral: whatever is not in the bundle or the language fails the build.
    platform: 'neutral',
    mainFields: ['module', 'main'],
    metafile: true,
    external,
  })
  return { inputs: Object.keys(result.metafile.inputs), code: result.outputFiles[0]?.text ?? '' }
}

beforeAll(async () => {
  const core = await bundled('index.ts')
  inputs = core.inputs
  code = core.code
})

test('the core is at most 25 KiB, minified and compressed', () => {
  const bytes = gzipSync(code, { level: 9 }).length
  expect(bytes).toBeLessThanOrEqual(CORE_BYTES_MAX)
  expect(bytes).toBeGreaterThan(5_000)
})

test('no adapter and nothing of Node is in it', () => {
  expect(inputs.filter((path) => /stores\/|react|node:/.test(path))).toEqual([])
})

// `fetch` and the like come in as arguments; Hermes lacks or lacked the rest.
test.each([
  /\bstructuredClone\b/,
  /\bcrypto\b/,
  /\bBigInt\b|\b\d+n\b/,
  /\(\?<[=!]/,
  /\bnew TextEncoder\b/,
  /\bEventSource\b/,
  /\b(?:globalThis|window|self)\.(?:fetch|crypto|indexedDB)/,
  /[^.\w]fetch\(/,
  /\bprocess\.|\bBuffer\b|\brequire\(/,
  /\.at\(|\bfindLast|\btoSorted\b|\bObject\.groupBy\b/,
  /\bIntl\b/,
])('the core does without %s', (pattern) => {
  const found = pattern.exec(code)
  expect(found === null ? null : code.slice(Math.max(0, found.index - 40), found.index + 60)).toBeNull()
})

test('each adapter is small, and brings none of the core along', async () => {
  for (const entry of ['stores/sqlite.ts', 'stores/indexeddb.ts', 'stores/realm.ts']) {
    const adapter = await bundled(entry)
    expect(adapter.inputs.length).toBe(1)
    expect(gzipSync(adapter.code).length).toBeLessThan(1_500)
  }
})

test('the package offers every entry as a module, as CommonJS and with types', () => {
  const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    exports: Record<
      string,
      { import: { types: string; default: string }; require: { types: string; default: string } }
    >
  }
  expect(Object.keys(exports)).toEqual(['.', './sqlite', './indexeddb', './realm', './react'])
})
