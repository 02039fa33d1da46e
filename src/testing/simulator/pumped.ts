/** For contract tests that know nothing of simulated time: whatever they wait for, time passes until it is there. */
import type { Simulation } from './simulation.ts'

/** The same object, but that each promise of its methods, and of the iterables they give, moves the simulation on. */
export function pumped<T extends object>(simulation: Simulation, object: T): T {
  const pump = <R>(promise: Promise<R>): Promise<R> => {
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    promise.then(settle, settle)
    const run = async () => {
      while (!isSettled) {
        await simulation.run(() => isSettled)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    void run()
    return promise
  }
  const pumpIterable = async function* (iterable: AsyncIterable<unknown>): AsyncIterable<unknown> {
    const iterator = iterable[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await pump(iterator.next())
        if (next.done === true) return
        yield next.value
      }
    } finally {
      const ended = iterator.return?.()
      if (ended !== undefined) await pump(ended)
    }
  }
  return new Proxy(object, {
    get(target, property) {
      const member = Reflect.get(target, property, target)
      if (typeof member !== 'function') return member
      return (...input: unknown[]) => {
        const output = member.apply(target, input)
        if (output instanceof Promise) return pump(output)
        return typeof output === 'object' && output !== null && Symbol.asyncIterator in output ? pumpIterable(output) : output
      }
    },
  })
}
