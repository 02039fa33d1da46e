/** Ports for servers that keep theirs over a restart. */
import { createServer } from 'node:net'

/**
 * Below the range from which systems take the ports of outgoing connections (32768 and up on Linux): else some client
 * could be given the port of a server that is just being restarted.
 */
const FIRST_PORT = 20_000
const LAST_PORT = 32_000

/** Of this process: nobody may listen on them yet. */
const given = new Set<number>()

/** A TCP port on 127.0.0.1 on which nobody listens now, and that was not given to anyone before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error(`no free TCP port found between ${FIRST_PORT} and ${LAST_PORT}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
