import type { ControlLog, ControlLogEntry } from '../../ports/control-log.ts'

export interface ControlLogWatcher {
  readonly onRead: (offset: number, value: Buffer) => void
  readonly onAppend: (values: readonly Buffer[]) => void
}

/** A control log, and somebody who is told of everything that is read from it, and sent to it. */
export class WatchedControlLog implements ControlLog {
  private readonly log: ControlLog
  private readonly watcher: ControlLogWatcher

  constructor(log: ControlLog, watcher: ControlLogWatcher) {
    this.log = log
    this.watcher = watcher
  }

  open(): Promise<{ readonly created: boolean }> {
    return this.log.open()
  }

  append(values: readonly Buffer[]): Promise<number> {
    this.watcher.onAppend(values)
    return this.log.append(values)
  }

  endOffset(): Promise<number> {
    return this.log.endOffset()
  }

  async *tail(offset: number, signal: AbortSignal): AsyncIterable<readonly ControlLogEntry[]> {
    for await (const entries of this.log.tail(offset, signal)) {
      for (const entry of entries) this.watcher.onRead(entry.offset, entry.value)
      yield entries
    }
  }

  trim(offset: number): Promise<void> {
    return this.log.trim(offset)
  }

  close(): Promise<void> {
    return this.log.close()
  }
}
