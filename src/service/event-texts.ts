/**
 * The well-known events as sentences for people. `{field}` stands for a field of the line, formatted by its name; a line
 * that lacks one of them is printed plainly, as every other event is: its name and its fields.
 */
import { type LogFields, readableValue } from './log-fields.ts'

export const EVENT_TEXTS: Readonly<Record<string, string>> = {
  'job-starting': 'starting {app} from {file}',
  'job-stopping': '{reason}: stopping after a final checkpoint',
  'job-stopped': 'stopped',
  'job-failed': 'the job has failed',
  'metrics-listening': 'metrics and health at {url}',
  'metrics-port-taken': 'port {port} is taken; metrics take another',
  started: 'running epoch {epoch} from checkpoint {checkpoint}',
  restoring: 'restoring: {doneBytes} of {totalBytes}',
  restored: 'restored from checkpoint {checkpoint} in {durationMs}',
  'checkpoint-triggered': 'checkpoint {checkpoint} triggered',
  'checkpoint-completed': 'checkpoint {checkpoint} completed in {durationMs}, {bytes}',
  'worker-died': 'worker {worker} has died and starts anew in {restartDelayMs}',
  'worker-stalled': 'worker {worker} has not answered for {forMs}; its thread is terminated',
  'worker-terminated': 'worker {worker} has not stopped within {timeoutMs}; its thread is terminated',
  'checkpoint-interval-changed': 'a checkpoint every {intervalMs} from now on: {reason}',
  'memory-shares': 'memory: caches {cacheBytes}, changes {overlayBytes}, fetching {fetchBytes}',
  'plan-warning': '{reason} ({warning}). {remedy}',
  'checkpoint-aborted': 'checkpoint {checkpoint} aborted: {reason}',
}

export interface EventText {
  readonly text: string
  /** The fields that the text does not tell. */
  readonly rest: readonly (readonly [name: string, value: unknown])[]
}

export function textOfEvent(event: string, fields: LogFields): EventText {
  const template = EVENT_TEXTS[event]
  const told = new Set<string>()
  let isComplete = template !== undefined
  const text = template?.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = fields[name]
    if (value === undefined) isComplete = false
    told.add(name)
    // Inside a sentence a text needs no quotes.
    return typeof value === 'string' ? value : readableValue(name, value)
  })
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  if (text === undefined || !isComplete) return { text: event, rest: entries }
  return { text, rest: entries.filter(([name]) => !told.has(name)) }
}
