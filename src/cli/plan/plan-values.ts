/** The values of the flags of `millrace plan`, parsed. */
import { MillraceError } from '../../common/errors.ts'
import { PLAN_FLAG_NAMES, type PlanFlagName, planFlag } from './plan-flags.ts'

export type PlanValues = ReadonlyMap<PlanFlagName, number | string>

/** Throws MR_CONFIG_INVALID_VALUE. */
export function planValues(raw: ReadonlyMap<string, string>, names: readonly PlanFlagName[] = PLAN_FLAG_NAMES): PlanValues {
  const values = new Map<PlanFlagName, number | string>()
  for (const name of names) {
    const text = raw.get(name)
    if (text === undefined) continue
    const { type } = planFlag(name)
    const value = type.parse(text)
    if (value === undefined) {
      throw new MillraceError('MR_CONFIG_INVALID_VALUE', `--${name} is ${JSON.stringify(text)}; expected ${type.accepts}`)
    }
    values.set(name, value)
  }
  return values
}

/** Of `--metrics`. */
export function urlsOf(values: PlanValues): readonly string[] | undefined {
  const urls = values.get('metrics')
  return urls === undefined ? undefined : String(urls).split(',')
}

/** Of `--metrics`, where it is the flag of another command. Throws MR_CONFIG_INVALID_VALUE. */
export function metricsUrls(raw: ReadonlyMap<string, string>): readonly string[] | undefined {
  return urlsOf(planValues(raw, ['metrics']))
}
