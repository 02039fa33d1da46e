/** What measures an engine: the peer kit's driver, or our own where the kit isn't there. */
import type { EngineChoice } from './engines.ts'
import type { Measurement } from './measurement.ts'
import type { BenchOptions } from './options.ts'

export interface RunRequest {
  readonly engine: EngineChoice
  readonly options: BenchOptions
}

export interface Driver {
  /** For the report: whose measurement it is. */
  readonly description: string
  /** One run. Rejects only where nothing can be measured at all; an engine that fails is a measurement that isn't right. */
  measure(request: RunRequest): Promise<Measurement>
}
