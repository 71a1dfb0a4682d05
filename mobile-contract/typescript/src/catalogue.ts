/** Categories, reasons and departments, all of which the device keeps: a draft is written without a network. */
import type { Ledger } from './store/index.js'
import type { CatalogueList } from './store/tables.js'
import type { Category, Department, Reason } from './wire/types.js'

const NONE: readonly never[] = []

export class Catalogue {
  constructor(private readonly ledger: Ledger) {}

  /** Retired ones are among them, `active: false`: older requests name them. */
  categories(): readonly Category[] {
    return this.list('categories') as readonly Category[]
  }

  /** A reason without `categoryId` fits every category. */
  reasons(): readonly Reason[] {
    return this.list('reasons') as readonly Reason[]
  }

  departments(): readonly Department[] {
    return this.list('departments') as readonly Department[]
  }

  private list(of: CatalogueList): readonly (Category | Reason | Department)[] {
    return this.ledger.get('catalogue', of)?.items ?? NONE
  }
}
