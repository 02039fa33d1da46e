/** Writes JSON, a value a line, no faster than the reader takes it. */
import { once } from 'node:events'
import { jsonText } from './json-text.ts'

/** Lines are gathered up to this: a call for each costs more than the line. */
const CHUNK_CHARS = 64 * 1024

export class JsonLines {
  private readonly stream: NodeJS.WritableStream
  private text = ''
  private readonly gone = new AbortController()

  constructor(stream: NodeJS.WritableStream) {
    this.stream = stream
    // `| head` has what it wants.
    const end = () => this.gone.abort()
    stream.once('error', end)
    stream.once('close', end)
  }

  /** Nobody reads any more. */
  get isClosed(): boolean {
    return this.gone.signal.aborted
  }

  /** Undefined: there is nothing to wait for. */
  write(value: unknown): Promise<void> | undefined {
    this.text += `${jsonText(value)}\n`
    return this.text.length < CHUNK_CHARS ? undefined : this.flush()
  }

  /** Resolves when the reader has room again, or has gone. */
  async flush(): Promise<void> {
    const text = this.text
    this.text = ''
    if (text === '' || this.isClosed || this.stream.write(text)) return
    try {
      await once(this.stream, 'drain', { signal: this.gone.signal })
    } catch (error) {
      if (!this.isClosed) throw error
    }
  }
}
