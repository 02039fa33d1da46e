/**
 * A reporter for `node --test` that says nothing but the final counts, as one line of JSON, beside the reporter that
 * people read: numbers are not to be fished out of a text made for eyes.
 */
import type { TestEvent } from 'node:test/reporters'

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly cancelled: number
  readonly skipped: number
}

export default async function* countReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string, void, void> {
  for await (const event of events) {
    // One summary for each file, then one without a file for the whole run.
    if (event.type === 'test:summary' && event.data.file === undefined) yield `${JSON.stringify(event.data.counts)}\n`
  }
}
