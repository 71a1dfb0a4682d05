import { memoryStore, type Row } from '../../src/index.js'
import { behavesAsAStore } from './suite.js'

behavesAsAStore(async () => {
  const rows = new Map<string, Row>()
  return { store: async () => memoryStore(rows), destroy: async () => {} }
})
