/** What the connectors of a worker have in common, made once per key; closed the last made first. */

import { toError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'

interface Closable {
  close(): Promise<void>
}

export class SharedResources {
  private readonly byKey = new Map<string, Closable>()

  share<T extends Closable>(key: string, make: () => T): T {
    const existing = this.byKey.get(key)
    // One key names one type: the connector that made it is the one that asks for it again.
    if (existing !== undefined) return existing as T
    const made = make()
    this.byKey.set(key, made)
    return made
  }

  async close(logger: Logger): Promise<void> {
    const all = [...this.byKey.values()].reverse()
    this.byKey.clear()
    for (const one of all) {
      await one.close().catch((error) => logger.warn('close-failed', { error: toError(error).message }))
    }
  }
}
