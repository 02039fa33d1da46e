/** Judges the output of a re-keying job as it is committed; what is wrong fails at once, while its cause is near. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { followCommitted } from '../support/read-committed.ts'
import type { KafkaServer } from '../support/servers.ts'
import { TransferJudge } from './transfers.ts'

export interface OutputReaderOptions {
  readonly kafka: KafkaServer
  readonly topic: string
  readonly accounts: number
  /** Ends it. */
  readonly over: AbortSignal
  /** Told behind each silence that was longer than a moment. */
  readonly onSilence?: (silenceMs: number) => void
}

const SILENCE_MS = 3_000

export class OutputReader {
  readonly judge: TransferJudge
  /** Rejects when an update is doubled or wrong. */
  readonly failed: Promise<never>
  longestSilenceMs = 0
  private lastMs = performance.now()
  private readonly options: OutputReaderOptions

  constructor(options: OutputReaderOptions) {
    this.options = options
    this.judge = new TransferJudge(options.accounts)
    this.failed = this.read()
    this.failed.catch(() => {})
  }

  /** Until so many updates are committed. */
  async until(updates: number, limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs
    while (this.judge.updates < updates) {
      assert.ok(performance.now() < deadline, `${this.judge.updates} of ${updates} updates after ${limitMs} ms`)
      await sleep(50)
    }
  }

  private async read(): Promise<never> {
    const { kafka, topic, over } = this.options
    for await (const record of followCommitted(kafka, topic, over)) {
      this.listen()
      this.judge.take(record)
      assert.ok(this.judge.doubled + this.judge.wrong === 0, `the output is wrong: ${this.judge.example}`)
    }
    return new Promise<never>(() => {})
  }

  /** How long nothing was committed before this record. */
  private listen(): void {
    const nowMs = performance.now()
    const silenceMs = Math.round(nowMs - this.lastMs)
    this.lastMs = nowMs
    if (this.judge.updates === 0) return
    if (silenceMs > SILENCE_MS) this.options.onSilence?.(silenceMs)
    this.longestSilenceMs = Math.max(this.longestSilenceMs, silenceMs)
  }
}
