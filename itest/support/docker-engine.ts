/** The Docker engine by its HTTP API, for the few questions that must not load the whole of Testcontainers. */
import { existsSync } from 'node:fs'
import { type RequestOptions, request } from 'node:http'

const ASK_TIMEOUT_MS = 10_000

/** Where `DOCKER_HOST` points to, by default the usual socket. */
function engineAddress(): RequestOptions | undefined {
  const host = process.env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  if (host.startsWith('unix://')) {
    const socketPath = host.slice('unix://'.length)
    return existsSync(socketPath) ? { socketPath } : undefined
  }
  const url = new URL(host.replace(/^tcp:/, 'http:'))
  return { host: url.hostname, port: url.port }
}

/** The answer's status, or undefined where no engine answers. */
function ask(method: string, path: string): Promise<number | undefined> {
  const address = engineAddress()
  if (address === undefined) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const asked = request({ ...address, method, path, timeout: ASK_TIMEOUT_MS }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode))
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(undefined))
    asked.end()
  })
}

export async function isEngineReachable(): Promise<boolean> {
  return (await ask('GET', '/_ping')) === 200
}

/** With its anonymous volumes. No error when it is gone already. */
export async function removeContainer(id: string): Promise<void> {
  await ask('DELETE', `/containers/${id}?force=1&v=1`)
}
