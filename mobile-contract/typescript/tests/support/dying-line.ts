/** A TCP proxy whose connections die at an exact byte. */
import { connect, createServer, type Socket } from 'node:net'

export interface DyingLine {
  url: string
  /** Bytes that have gone up and come down over the last connection. */
  carried: { up: number; down: number }
  close(): Promise<void>
}

/** Dies after so many bytes up or down (Infinity: never): both ends get a reset. */
export async function dyingLine(target: string, dies: { up?: number; down?: number }): Promise<DyingLine> {
  const { hostname, port } = new URL(target)
  const carried = { up: 0, down: 0 }
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
    carry(phone, far, dies.up ?? Number.POSITIVE_INFINITY, 'up', die)
    carry(far, phone, dies.down ?? Number.POSITIVE_INFINITY, 'down', die)
  })
  function carry(from: Socket, to: Socket, limit: number, way: 'up' | 'down', die: () => void): void {
    let left = limit
    from.on('data', (piece: Buffer) => {
      const part = piece.subarray(0, left)
      left -= part.length
      carried[way] += part.length
      to.write(part, () => {
        if (left === 0) die()
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
