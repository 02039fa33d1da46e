/**
 * Measures Millrace where the peer kit isn't there. Everything it sees of the output it sees through our own client, so it
 * says how fast, and is no independent witness of what is right: the kit's driver and the integration tests are.
 */
import type { Driver, RunRequest } from '../driver.ts'
import type { Measurement } from '../measurement.ts'
import type { BenchOptions } from '../options.ts'
import { measureLatency } from './latency.ts'
import { OwnRun, type OwnSetting } from './own-run.ts'
import { measureThroughput } from './throughput.ts'
import { Topics } from './topics.ts'
import { Workload } from './workload.ts'

export class OwnDriver implements Driver {
  readonly description = 'our own driver'
  readonly #setting: OwnSetting

  constructor(setting: OwnSetting) {
    this.#setting = setting
  }

  async measure({ engine, options }: RunRequest): Promise<Measurement> {
    const workload = new Workload(options.keys)
    const input = options.work === 'latency' ? '' : await this.#input(workload, options)
    const run = await OwnRun.open(this.#setting, engine, options, { input })
    try {
      return await (options.work === 'latency' ? measureLatency : measureThroughput)(run, workload, options)
    } finally {
      await run.close()
    }
  }

  /** Made once; the same for every run. */
  async #input(workload: Workload, { records, keys }: BenchOptions): Promise<string> {
    const name = `bench-in-own-k${keys}-n${records}`
    const topics = await Topics.connect(this.#setting.bootstrap)
    try {
      if (!(await topics.create(name))) return name
      const writer = await topics.writer(name)
      await writer.fill(workload, 0, records)
      writer.close()
      return name
    } finally {
      topics.close()
    }
  }
}
