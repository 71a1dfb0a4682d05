/** A TCP proxy whose connections die at an exact byte. */
import { connect, createServer, type Socket } from 'node:net'

export interface DyingLine {
  url: string
  /** Bytes that have gone up and come down. */
  carried: { up: number; down: number }
  close(): Promise<void>
}

/**
 * Dies for good after so many bytes up or down (Infinity: never), over however many connections: both ends get a
 * reset.
 */
export async function dyingLine(target: string, dies: { up?: number; down?: number }): Promise<DyingLine> {
  const { hostname, port } = new URL(target)
  const carried = { up: 0, down: 0 }
  const left = { up: dies.up ?? Number.POSITIVE_INFINITY, down: dies.down ?? Number.POSITIVE_INFINITY }
  const open = new Set<Socket>()
  const server = createServer((phone) => {
    const far = connect(Number(port), hostname)
    for (const socket of [phone, far]) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => open.delete(socket))
    }
    const die = () => {
      phone.resetAndDestroy()
      // What had arrived before goes on to the server: only the way back is gone.
      far.end()
    }
    if (Math.min(left.up, left.down) === 0) die()
    carry(phone, far, 'up', die)
    carry(far, phone, 'down', die)
  })
  function carry(from: Socket, to: Socket, way: 'up' | 'down', die: () => void): void {
    from.on('data', (piece: Buffer) => {
      const part = piece.subarray(0, left[way])
      left[way] -= part.length
      carried[way] += part.length
      to.write(part, () => {
        if (left[way] === 0) die()
      })
    })
    from.on('end', () => to.end())
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    carried,
    close: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
