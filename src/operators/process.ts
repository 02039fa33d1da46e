/** Runs user code with state per key. */
import type { Emitted, ProcessNode } from '../graph/job-graph.ts'
import type { CurrentMap } from './current-map.ts'
import type { Emit, RecordContext } from './record-context.ts'

/**
 * Code that is not done at once holds up the records behind: the keyed input waits for what the context says is pending,
 * and a record that comes to this operator meanwhile, of the same input record, is queued here.
 *
 * @param state by name, as the code sees it
 * @param maps those of them that are maps
 * @param userKey gives the current key as user code sees it
 */
export function process(
  node: ProcessNode,
  context: RecordContext,
  state: Readonly<Record<string, unknown>>,
  maps: readonly CurrentMap[],
  userKey: () => unknown,
  next: Emit,
): Emit {
  const given = { key: undefined as unknown, timestamp: 0, watermark: Number.NEGATIVE_INFINITY, state }
  const emit = (emitted: Emitted) => {
    if (emitted === undefined) return
    for (const one of emitted) next(one)
  }
  const run = (value: unknown): Promise<void> | undefined => {
    given.key = userKey()
    given.timestamp = context.timestamp
    given.watermark = context.watermark
    for (const map of maps) map.begin()
    const emitted = node.onRecord(value, given)
    if (!isPromise(emitted)) return emit(emitted) as undefined
    return emitted.then(emit)
  }
  let running: Promise<void> | undefined
  return (value) => {
    const started = running === undefined ? run(value) : running.then(() => run(value))
    if (started === undefined) return
    const done = started.finally(() => {
      if (running === done) running = undefined
    })
    running = done
    context.await(done)
  }
}

function isPromise(emitted: Emitted | Promise<Emitted>): emitted is Promise<Emitted> {
  return typeof (emitted as { then?: unknown } | undefined)?.then === 'function'
}
