/** The entry of every job file. */
import { MillraceError } from '../common/errors.ts'
import type { MillraceConfig } from '../config/config.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { Source } from '../ports/source.ts'
import { checkName, GraphBuilder } from './graph-builder.ts'
import { Stream } from './stream.ts'

/** A symbol of the global registry, so that a job built by another copy of the package is recognised (and named). */
const JOB = Symbol.for('millrace.job')

export interface JobDefinition {
  readonly [JOB]: true
  /** The default application id. */
  readonly name: string
  readonly graph: JobGraph
  /** Options set in the job file; flags, environment and config file override them. Names as in docs/configuration.md. */
  readonly options: MillraceConfig
}

export interface JobBuilder {
  /** Reads a source. `name` is the name of its state and positions in every checkpoint: keep it when the job changes. */
  source<T, K>(name: string, source: Source<T, K>): Stream<T, K>
}

/**
 * Defines a job. The function runs once, at once, and only describes the graph.
 *
 * @param name the default application id: names of control topic, group and transactional ids begin with it
 * @param options any option of docs/configuration.md in camelCase, as this job's defaults
 */
export function defineJob(name: string, build: (job: JobBuilder) => void, options: MillraceConfig = {}): JobDefinition {
  checkName('a job', name)
  const builder = new GraphBuilder()
  build({
    source<T, K>(sourceName: string, source: Source<T, K>) {
      return new Stream<T, K>(builder, builder.add({ kind: 'source', name: sourceName, source: source as Source<unknown> }))
    },
  })
  return { [JOB]: true, name, graph: builder.build(name), options }
}

export function isJobDefinition(value: unknown): value is JobDefinition {
  return typeof value === 'object' && value !== null && (value as { [JOB]?: unknown })[JOB] === true
}

/** Throws MR_JOB_NOT_A_JOB, naming what the file exports instead. */
export function assertJobDefinition(value: unknown, file: string): asserts value is JobDefinition {
  if (isJobDefinition(value)) return
  throw new MillraceError(
    'MR_JOB_NOT_A_JOB',
    `${file} has ${value === undefined ? 'no default export' : `a ${typeof value} as its default export`}`,
  )
}
