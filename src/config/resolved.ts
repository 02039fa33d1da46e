/** The configuration as the rest of the program gets it: every value, and where it came from. */
import type { Config, OptionKey } from './config.ts'

export interface Origin {
  readonly kind: 'flag' | 'environment' | 'file' | 'job' | 'default'
  /** As it stands in messages: `--checkpoint-interval`, `MILLRACE_…`, `checkpointInterval in millrace.config.json`. */
  readonly place: string
}

export interface Resolved<K extends OptionKey = OptionKey> {
  readonly config: Readonly<Pick<Config, K>>
  readonly origins: Readonly<Record<K, Origin>>
}
