/** One option, described once: everything that reads, checks, prints or documents options works from this. */
import type { OptionType } from './option-types.ts'

export const OPTION_GROUPS = {
  job: 'Job',
  kafka: 'Kafka',
  delivery: 'Delivery',
  checkpoints: 'Checkpoints',
  savepoints: 'Savepoints',
  state: 'State',
  s3: 'S3 storage',
  workers: 'Workers and exchanges',
  restarts: 'Restarts',
  deadlines: 'Deadlines',
  service: 'Metrics and logs',
} as const

export type OptionGroup = keyof typeof OPTION_GROUPS

interface OptionText<N extends string> {
  /** As a flag: `checkpoint-interval`. The names in the environment and in files follow from it. */
  readonly name: N
  readonly group: OptionGroup
  /** Sentences for --help and the docs: what it does, and what to weigh. */
  readonly description: string
  /** Names the default where it isn't a value: `the job's name`. */
  readonly defaultText?: string
}

export interface Option<T = unknown, N extends string = string> extends OptionText<N> {
  readonly type: OptionType<NonNullable<T>>
  /** Undefined with `required`: a source must give it. Undefined without: it may stay unset. */
  readonly default: T | undefined
  readonly required: boolean
}

type Described<T, N extends string> = OptionText<N> & { readonly type: OptionType<NonNullable<T>> }

export function withDefault<T, const N extends string>(
  option: Described<T, N> & { readonly default: NoInfer<T> },
): Option<T, N> {
  return { ...option, required: false }
}

/** Some source must give it. */
export function required<T, const N extends string>(option: Described<T, N>): Option<T, N> {
  return { ...option, default: undefined, required: true }
}

/** It may stay unset. */
export function optional<T, const N extends string>(option: Described<T, N>): Option<T | undefined, N> {
  return { ...(option as Described<T | undefined, N>), default: undefined, required: false }
}

/** `checkpoint-interval` → `MILLRACE_CHECKPOINT_INTERVAL`. */
export function environmentName(name: string): string {
  return `MILLRACE_${name.toUpperCase().replaceAll('-', '_')}`
}

/** `checkpoint-interval` → `checkpointInterval`: how files and jobs may write it. */
export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

export type CamelCase<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S
