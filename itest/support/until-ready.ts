/** Waiting for a server by asking it, never by a fixed time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { lastLines } from './run-command.ts'

const READY_TIMEOUT_MS = 60_000
const POLL_MS = 25
const LOG_LINES_SHOWN = 60

export interface Starting {
  /** For messages. */
  readonly name: string
  isReady(): Promise<boolean>
  /** How the server ended ("it ended with code 1"), undefined while it runs. */
  howItEnded(): Promise<string | undefined>
  logs(): Promise<string>
  /** Called when patience is over. */
  stop(): Promise<void>
}

/** Resolves when the server serves; rejects, with the end of its log, when it ends instead or takes too long. */
export async function untilReady(server: Starting): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS
  while (!(await server.isReady())) {
    let failure = await server.howItEnded()
    if (failure === undefined && performance.now() > deadline) {
      failure = `it did not answer within ${READY_TIMEOUT_MS / 1000} s`
      await server.stop()
    }
    if (failure !== undefined) {
      const log = lastLines(await server.logs(), LOG_LINES_SHOWN)
      throw new Error(`${server.name} could not be started: ${failure}. Its log ends with:\n${log}`)
    }
    await sleep(POLL_MS)
  }
}
