/** State descriptors for `process`: what an operator keeps per key, by name. */
import type { ValueCodec } from '../ports/value-codec.ts'

export interface ValueStateOptions<V> {
  /** How values are written. Default: MessagePack. */
  readonly codec?: ValueCodec<V>
}

/** Describes one value per key. Make it with `valueState`. */
export interface ValueStateDescriptor<V> {
  readonly kind: 'value'
  readonly codec: ValueCodec<V> | undefined
  /** What `get` gives where nothing was set yet. */
  readonly initial: (() => V) | undefined
  /** Carries the type only. */
  readonly _type?: V
}

/** What an operator sees of a value state: the value of the current key. */
export interface ValueState<V> {
  /**
   * The value of the current key, or the descriptor's initial one, or undefined. Treat it as read-only unless you `set`
   * it again: a change that is not set may or may not be seen later.
   */
  get(): V
  set(value: V): void
  /** Removes the value. */
  clear(): void
}

/** One value per key, undefined until set. */
export function valueState<V>(options?: ValueStateOptions<V>): ValueStateDescriptor<V | undefined>
/** One value per key, beginning as `initial()`. */
export function valueState<V>(initial: () => V, options?: ValueStateOptions<V>): ValueStateDescriptor<V>
export function valueState<V>(
  first?: (() => V) | ValueStateOptions<V>,
  second?: ValueStateOptions<V>,
): ValueStateDescriptor<V | undefined> {
  const initial = typeof first === 'function' ? first : undefined
  const options = typeof first === 'function' ? second : first
  return { kind: 'value', codec: options?.codec as ValueCodec<V | undefined> | undefined, initial }
}

export type StateDescriptors = Readonly<Record<string, ValueStateDescriptor<unknown>>>

/** The states of descriptors, as `process` hands them to user code. */
export type StatesOf<D> = { readonly [N in keyof D]: D[N] extends ValueStateDescriptor<infer V> ? ValueState<V> : never }
