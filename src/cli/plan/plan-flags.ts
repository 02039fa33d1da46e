/** What `millrace plan` takes besides options: figures that replace measured ones, and prices. */
import { bytes, duration, integer, type OptionType, string } from '../../config/option-types.ts'
import type { FigureName } from '../../planning/job-figures.ts'

const TIB = 2 ** 40
const COUNT = integer({ min: 0, max: 1e12 })
const RATE = integer({ min: 1, max: 1e9 })
const SIZE = bytes({ min: 0, max: 2 ** 30 })
const BYTE_RATE = bytes({ min: 1, max: TIB })
const HOUR_MS = 60 * 60 * 1_000

/** Digits with a point: money and factors. */
const decimal = (min: number): OptionType<number> => ({
  kind: 'integer',
  placeholder: 'number',
  accepts: `a number of at least ${min}`,
  parse: (raw) => (typeof raw === 'string' && /^\d+(\.\d+)?$/.test(raw) && Number(raw) >= min ? Number(raw) : undefined),
  format: String,
})

interface PlanFlag {
  readonly type: OptionType<number> | OptionType<string>
  readonly description: string
  /** The figure that it sets as it is. */
  readonly figure?: FigureName
}

export const PLAN_FLAGS = {
  metrics: {
    type: string({
      pattern: /^https?:\/\/\S+$/,
      accepts: 'addresses that begin with http:// or https://, separated by commas',
    }),
    description: 'Measure the running job: the addresses of its copies, as they log them (metrics-listening).',
  },
  keys: { type: COUNT, description: 'Live entries of state, over all operators.', figure: 'entries' },
  'key-bytes': { type: SIZE, description: 'Bytes of a key. Default: 16.' },
  'value-bytes': { type: SIZE, description: 'Bytes of a value as its codec writes it.' },
  'entry-bytes': {
    type: SIZE,
    description: 'Bytes of an entry in a segment, compressed, in place of key-bytes and value-bytes.',
    figure: 'entryBytes',
  },
  'changed-keys': { type: COUNT, description: 'Keys that change within one checkpoint-interval.' },
  'updates-per-second': { type: COUNT, description: 'Changes of state, in place of changed-keys.', figure: 'updatesPerSecond' },
  'input-rate': { type: COUNT, description: 'Records a second that come in.', figure: 'inputPerSecond' },
  capacity: { type: RATE, description: 'Records a second that all workers can process.', figure: 'capacityPerSecond' },
  'upload-rate': {
    type: BYTE_RATE,
    description: 'Bytes a second that all workers together can put into the storage.',
    figure: 'uploadBytesPerSecond',
  },
  'restore-rate': {
    type: BYTE_RATE,
    description: 'Bytes a second that all workers together can restore.',
    figure: 'restoreBytesPerSecond',
  },
  'checkpoint-overhead': {
    type: duration({ min: 0, max: HOUR_MS }),
    description: 'What a checkpoint takes beside its upload.',
    figure: 'overheadMs',
  },
  'storage-factor': {
    type: decimal(1),
    description: 'Bytes of stored files for each byte of live state.',
    figure: 'storageFactor',
  },
  'price-gb-month': { type: decimal(0), description: 'Price of a gigabyte (2^30 bytes) stored for a month.' },
  'price-thousand-puts': { type: decimal(0), description: 'Price of 1,000 writing requests. Default: 0.' },
} as const satisfies Readonly<Record<string, PlanFlag>>

export type PlanFlagName = keyof typeof PLAN_FLAGS

export const PLAN_FLAG_NAMES = Object.keys(PLAN_FLAGS) as PlanFlagName[]

/** As the table has it, for what is not of one flag alone. */
export function planFlag(name: PlanFlagName): PlanFlag {
  return PLAN_FLAGS[name]
}
