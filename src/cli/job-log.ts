/** The control log of a job, for commands: opened by its application id, read to its end, closed behind the command. */
import type { ControlRecord } from '../checkpoint/protocol/control-records.ts'
import type { Config } from '../config/config.ts'
import { loadLayers } from '../config/load-layers.ts'
import { resolveConfig } from '../config/resolve.ts'
import { LogFollower } from '../runtime/log-follower.ts'
import { type CliEnvironment, CONTROL_OPTION_KEYS } from './cli-environment.ts'
import { applicationIdOf, type CommandLine, SWITCHES, usageError } from './command-line.ts'

export interface ValidRecord {
  readonly offset: number
  readonly record: ControlRecord
}

export interface JobLog {
  readonly applicationId: string
  readonly follower: LogFollower
  /** What the log holds: it is trimmed now and then, so this is the newer part of it. Void records are left out. */
  readonly records: readonly ValidRecord[]
}

/** Throws MR_CLI_USAGE, MR_CONFIG_…, MR_KAFKA_…, MR_CONTROL_LOG_… */
export async function withJobLog<T>(
  { flags, operands }: CommandLine,
  environment: CliEnvironment,
  use: (log: JobLog) => Promise<T>,
): Promise<T> {
  const { env, directory, openControlLog } = environment
  const layers = await loadLayers({ flags, otherFlags: SWITCHES, environment: env, directory })
  const [operand, ...rest] = operands
  if (rest.length > 0) throw usageError(`unexpected ${rest.join(' ')} behind the application id`)
  const hasFlag = layers.some((layer) => layer.has('appId'))
  if (operand === undefined && !hasFlag) throw usageError('expected an application id')
  const applicationId = operand === undefined ? resolveConfig(layers, ['appId']).config.appId : applicationIdOf(operand)
  // Nothing but Kafka's options is asked for by whoever opens the log.
  const config = resolveConfig(layers, CONTROL_OPTION_KEYS).config as Config
  const opened = await openControlLog(applicationId, config)
  try {
    const follower = new LogFollower(opened.log)
    const records: ValidRecord[] = []
    follower.listen((record, offset, isValid) => {
      if (isValid) records.push({ record, offset })
    })
    try {
      await follower.start()
      return await use({ applicationId, follower, records })
    } finally {
      await follower.stop()
    }
  } finally {
    await opened.close()
  }
}
