/**
 * Writes `src/wire/api.ts` from the API document: the shapes of all bodies. With `--check` it writes nothing, and
 * fails if the file is not what it would write.
 */
import { readFile, writeFile } from 'node:fs/promises'
import openapiTypescript, { astToString } from 'openapi-typescript'

const document = JSON.parse(await readFile(new URL('../../openapi.json', import.meta.url), 'utf8'))
const target = new URL('../src/wire/api.ts', import.meta.url)

// Paths are left out: two of their operations may have one name, which a type cannot have.
const { openapi, info, components } = document
const schemas = { openapi, info, paths: {}, components: { schemas: components.schemas } }
const banner = '// Generated from mobile-contract/openapi.json by `npm run types`. Do not edit.\n\n'
const text = banner + astToString(await openapiTypescript(schemas))

if (process.argv.includes('--check')) {
  if ((await readFile(target, 'utf8')) !== text) {
    process.stderr.write('src/wire/api.ts is stale: run `npm run types`\n')
    process.exit(1)
  }
} else {
  await writeFile(target, text)
}
