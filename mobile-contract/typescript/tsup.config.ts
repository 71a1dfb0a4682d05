import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    react: 'src/react.ts',
    'stores/sqlite': 'src/stores/sqlite.ts',
    'stores/indexeddb': 'src/stores/indexeddb.ts',
    'stores/realm': 'src/stores/realm.ts',
  },
  format: ['esm', 'cjs'],
  target: 'es2020',
  platform: 'neutral',
  // Its files are ES modules only: taken in, or the CommonJS build could not be required everywhere.
  noExternal: ['@noble/hashes'],
  dts: true,
  splitting: true,
  clean: true,
})
