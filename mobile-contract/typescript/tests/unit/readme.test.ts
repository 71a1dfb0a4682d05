import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
/** Without layout and where things are imported from. */
const words = (code: string) =>
  code
    .split('\n')
    .filter((line) => !line.startsWith('import'))
    .join('')
    .replace(/[\s]|,(?=\s*[}\])])/g, '')

test("the README's first example is the one that compiles", () => {
  const [, shown = ''] = /```ts\n([\s\S]*?)```/.exec(read('../../README.md')) ?? []
  expect(shown).toContain('openClient')
  expect(words(read('../support/readme-example.ts'))).toContain(words(shown))
})

test('the README names every code of the contract that a person may be told of', () => {
  const table = read('../../README.md')
  const codes = [
    'locked deleted content_changed unknown_base stamp_reused busy incomplete unknown_category unknown_reason',
    'chain_incomplete unknown_field invalid_value clock_ahead op_id_reused not_found already_submitted',
    'not_withdrawable level_not_open level_sealed basis_changed stale_revision self_approval duplicate_approver',
    'approver_inactive rollback_window_over nothing_to_roll_back',
  ].flatMap((line) => line.split(' '))
  expect(codes.filter((code) => !table.includes(`\`${code}\``))).toEqual([])
})
