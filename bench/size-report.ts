/** The tables of the work `size`. */
import { aligned, median, numberText } from './report.ts'
import type { SizeCosts, SteadyCheckpoint } from './size-costs.ts'

const mb = (bytes: number) => Math.round(bytes / 2 ** 20)
const percent = (part: number, whole: number) => `${((part / whole) * 100).toFixed(2)} %`
const factor = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(2))

/** One engine's. */
export function sizeText({ engine, keys, wordBytes, liveBytes, isLiveExact, load, steady, starts }: SizeCosts): string {
  const { checkpoints, storageFactors, restoreFactors } = steady
  const of = (value: (one: SteadyCheckpoint) => number | undefined) => checkpoints.flatMap((one) => value(one) ?? [])
  const bytes = of((one) => one.bytes)
  const changed = of((one) => one.changedBytes)
  const share = (values: readonly number[], pick: (values: readonly number[]) => number | undefined) => {
    const value = pick(values)
    return value === undefined ? '-' : percent(value, liveBytes)
  }
  const most = (values: readonly number[]) => (values.length === 0 ? undefined : Math.max(...values))
  const rows = [
    ['keys, bytes a word', `${numberText(keys)}, ${wordBytes}`],
    ['live bytes', `${numberText(mb(liveBytes))} MB${isLiveExact ? '' : ' (all of the storage behind the load)'}`],
    ['keys changed a checkpoint', numberText(median(of((one) => one.changedKeys)))],
    ['changes of a checkpoint ÷ live', `${share(changed, median)}, most ${share(changed, most)}`],
    ['written by a checkpoint ÷ live', `${share(bytes, median)}, most ${share(bytes, most)}`],
    [
      'checkpoint ms',
      `${numberText(median(of((one) => one.durationMs)))}, most ${numberText(most(of((one) => one.durationMs)))}`,
    ],
    ['storage factor', `${factor(median(storageFactors))}, most ${factor(most(storageFactors))}`],
    ['restore factor', `${factor(median(restoreFactors))}, most ${factor(most(restoreFactors))}`],
    ['peak RSS at the steady rate', `${numberText(Math.round(steady.peakRssMb))} MB`],
  ]
  const loaded = load.map((part) => [...[part.keys, part.recordsPerSecond, Math.round(part.peakRssMb)].map(numberText)])
  const started = starts.map((start) => [
    start.from,
    ...[start.firstRecordMs, start.firstOutputMs, start.restoreMs].map(numberText),
    start.restoreMs === undefined ? '-' : numberText(Math.round((keys * 1000) / Math.max(1, start.restoreMs))),
    start.fetchedBytes === undefined ? '-' : numberText(mb(start.fetchedBytes)),
    numberText(Math.round(start.peakRssMb)),
  ])
  return [
    '',
    '',
    engine,
    ...aligned([['', ''], ...rows]),
    '',
    ...aligned([['keys', 'records/s', 'peak RSS MB'], ...loaded]),
    '',
    ...aligned([
      ['start from', 'to first record ms', 'to new output ms', 'state ms', 'keys/s', 'fetched MB', 'peak RSS MB'],
      ...started,
    ]),
  ].join('\n')
}
