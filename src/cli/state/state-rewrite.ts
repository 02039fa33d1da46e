/** `millrace state rewrite`. */
import { basename } from 'node:path'
import { MillraceError } from '../../common/errors.ts'
import type { RewriteOptions, StateMapping } from '../../inspect/rewrite/rewrite-plan.ts'
import { rewriteSavepoint } from '../../inspect/rewrite/rewrite-savepoint.ts'
import { roundedBytes } from '../../service/log-fields.ts'
import type { CliEnvironment } from '../cli-environment.ts'
import { type CommandLine, listOf, usageError } from '../command-line.ts'
import { loadDefault } from '../load-job.ts'
import { listenForStop } from '../stop-signals.ts'
import type { StateRequest } from './state-request.ts'
import { storageConfig, uriOf } from './state-where.ts'

export async function rewriteState({ commandLine, environment, layers, states }: StateRequest): Promise<number> {
  const { stdout } = environment
  const { values, switches } = commandLine
  const from = states[0]!
  const place = values.get('to')
  if (place === undefined) throw usageError('millrace state rewrite needs --to, the folder of the new savepoint')
  const options = await optionsOf(commandLine, environment.directory)
  const to = await environment.openStorage(storageConfig(layers, uriOf(place)))
  try {
    const written = await untilInterrupted(environment, (signal) => rewriteSavepoint(from, to, options, signal))
    const { checkpoint, exchanges, states: kept, totalBytes } = written
    const partitions = Object.fromEntries(Object.entries(exchanges).map(([name, exchange]) => [name, exchange.partitions]))
    const facts = { from: from.uri, savepoint: to.uri, checkpoint, bytes: totalBytes, partitions }
    const names = kept.map(({ operator, name }) => `${operator}/${name}`)
    const isJson = switches.has('json') || stdout.isTTY !== true
    stdout.write(
      isJson
        ? `${JSON.stringify({ ...facts, states: names })}\n`
        : `${to.uri}\n${roundedBytes(totalBytes)}, states ${names.join(', ') || 'none'}\n`,
    )
    return 0
  } finally {
    await to.close()
  }
}

/** A half savepoint is of no use to anybody: its files are deleted first. A second Ctrl-C doesn't wait for that. */
async function untilInterrupted<T>({ signals, clock }: CliEnvironment, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const listening = listenForStop(signals, clock)
  const abort = new AbortController()
  const interrupted = (signal: string) => new MillraceError('MR_CLI_INTERRUPTED', `interrupted by ${signal}`)
  listening.stop.then((signal) => abort.abort(interrupted(signal)))
  const insisted = listening.insist.then(() => {
    throw interrupted('a second SIGINT')
  })
  try {
    return await Promise.race([work(abort.signal), insisted])
  } finally {
    listening.dispose()
  }
}

async function optionsOf({ values }: CommandLine, directory: string): Promise<RewriteOptions> {
  const file = values.get('map')
  return {
    dropOperators: listOf(values.get('drop-operator')),
    dropStates: listOf(values.get('drop-state')),
    partitions: Object.fromEntries(listOf(values.get('partitions')).map(partitionsOf)),
    map: file === undefined ? {} : await mappingsOf(file, directory),
  }
}

function partitionsOf(text: string): [string, number] {
  const match = /^(.+)=(\d+)$/.exec(text)
  if (match === null) throw usageError(`--partitions is ${text}; expected <exchange>=<number>`)
  return [match[1]!, Number(match[2])]
}

async function mappingsOf(file: string, directory: string): Promise<Record<string, StateMapping>> {
  const mappings = await loadDefault(file, directory)
  if (typeof mappings === 'object' && mappings !== null) return mappings as Record<string, StateMapping>
  throw usageError(`${basename(file)} has no default export of functions, by operator/state`)
}
