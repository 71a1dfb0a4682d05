/** The core in the real Hermes engine, compiled as React Native's bundler would: no class, no async function. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { approvalId, revisionOf } from '../../src/index.js'

const PLATFORMS: Record<string, string> = { linux: 'linux64-bin', darwin: 'osx-bin', win32: 'win64-bin' }

test('a phone opens, edits, syncs and is told in Hermes', async () => {
  const entry = new URL('../support/hermes-app.ts', import.meta.url).pathname
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2020',
  })
  const { outputText } = ts.transpileModule(outputFiles[0]?.text ?? '', {
    compilerOptions: { target: ts.ScriptTarget.ES5, downlevelIteration: true, module: ts.ModuleKind.None },
  })
  const folder = mkdtempSync(join(tmpdir(), 'athena-hermes-'))
  const script = join(folder, 'app.js')
  writeFileSync(script, outputText)
  const engine = dirname(createRequire(import.meta.url).resolve('hermes-engine-cli/package.json'))
  const hermes = join(engine, PLATFORMS[process.platform] ?? 'linux64-bin', 'hermes')
  const said = execFileSync(hermes, ['-w', script], { encoding: 'utf8' })
  rmSync(folder, { recursive: true })
  expect(JSON.parse(said)).toEqual({
    phase: 'idle',
    queued: 0,
    notices: 1,
    title: 'Zürich ✈ 😀',
    text: 'Two days.',
    code: 'incomplete',
    refused: 'InvalidEdit: title must not contain half a character',
    revision: revisionOf({ title: 'Zürich ✈ 😀' }),
    approval: approvalId('00000000-0000-0000-0000-000000000000', revisionOf({}), 1),
  })
})
