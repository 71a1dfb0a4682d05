/** React hooks. Each shows what the device knows now, and draws again exactly when that changes. */
import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useMemo,
  useSyncExternalStore,
} from 'react'
import type { Client, Status } from './client.js'
import type { ApprovalView } from './records/approval-view.js'
import type { RequestView } from './records/request-view.js'
import type { Notice } from './store/tables.js'
import type { Category, Department, Reason, RequestStatus } from './wire/types.js'

const ClientContext = createContext<Client | null>(null)

/** Hands the client to the hooks below it. */
export function AthenaProvider({ client, children }: { client: Client; children?: ReactNode }) {
  return createElement(ClientContext.Provider, { value: client }, children)
}

export function useClient(): Client {
  const client = useContext(ClientContext)
  if (client === null) throw new Error('useClient needs an <AthenaProvider> above it')
  return client
}

function useClientValue<T>(read: (client: Client) => T): T {
  const client = useClient()
  const subscribe = useMemo(() => (listener: () => void) => client.subscribe(listener), [client])
  const snapshot = () => read(client)
  return useSyncExternalStore(subscribe, snapshot, snapshot)
}

/** The own requests, newest first, queued changes included; of one status if given. */
export function useRequests(status?: RequestStatus): readonly RequestView[] {
  const all = useClientValue((client) => client.requests.list())
  return useMemo(
    () => (status === undefined ? all : all.filter((view) => view.status === status)),
    [all, status],
  )
}

export function useRequest(id: string): RequestView | null {
  return useClientValue((client) => client.requests.get(id))
}

/** What there is to choose from; retired ones are among them, `active: false`. */
export function useCatalogue(): {
  categories: readonly Category[]
  reasons: readonly Reason[]
  departments: readonly Department[]
} {
  const categories = useClientValue((client) => client.catalogue.categories())
  const reasons = useClientValue((client) => client.catalogue.reasons())
  const departments = useClientValue((client) => client.catalogue.departments())
  return useMemo(() => ({ categories, reasons, departments }), [categories, reasons, departments])
}

/** What waits for this person. */
export function useIncoming(): readonly ApprovalView[] {
  return useClientValue((client) => client.approvals.incoming())
}

export function useSyncStatus(): Status {
  return useClientValue((client) => client.status())
}

/** What the person should be told, oldest first, with what can be done about it. */
export function useNotices(): {
  notices: readonly Notice[]
  acknowledge(id: string): Promise<void>
  retry(id: string): Promise<void>
  discard(id: string): Promise<void>
} {
  const client = useClient()
  const notices = useClientValue((from) => from.notices.list())
  return useMemo(
    () => ({
      notices,
      acknowledge: (id: string) => client.notices.acknowledge(id),
      retry: (id: string) => client.notices.retry(id),
      discard: (id: string) => client.notices.discard(id),
    }),
    [client, notices],
  )
}
