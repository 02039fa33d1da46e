/** What goes wrong by chance, how often beside the rest, and in which worlds. */
import type { Acts } from './acts.ts'
import type { Shape } from './shape.ts'

export interface Fault {
  readonly name: string
  /** Beside the others'; 0: not in such a world. */
  readonly weight: (shape: Shape) => number
  readonly strike: (acts: Acts) => void
}

/** Not where nothing but restarts shall happen. */
const rough =
  (weight: number) =>
  ({ isRolling }: Shape): number =>
    isRolling ? 0 : weight

export const FAULTS: readonly Fault[] = [
  { name: 'kill', weight: rough(4), strike: (acts) => withWorker(acts, (worker) => acts.kill(worker)) },
  { name: 'pause', weight: rough(4), strike: (acts) => withWorker(acts, (worker) => acts.pause(worker)) },
  {
    name: 'stop',
    weight: ({ isRolling }) => (isRolling ? 4 : 1.5),
    strike: (acts) => withWorker(acts, (worker) => acts.stop(worker)),
  },
  { name: 'start', weight: () => 3, strike: (acts) => acts.startOn(acts.random.below(MACHINES)) },
  {
    name: 'connections',
    weight: rough(3),
    strike: (acts) => acts.breakConnections(acts.random.chance(0.5) ? acts.random.pick(acts.world.running) : undefined),
  },
  {
    name: 'cut off',
    weight: rough(2),
    strike: (acts) => withWorker(acts, (worker) => acts.cutOff(worker, acts.random.pick(acts.world.kafka.brokers)!)),
  },
  { name: 'broker', weight: rough(2), strike: (acts) => acts.crashBroker(acts.random.pick(acts.world.kafka.brokers)!) },
  { name: 'disaster', weight: rough(0.6), strike: (acts) => acts.disaster() },
  { name: 'leaders', weight: rough(2), strike: (acts) => acts.moveLeaders() },
  {
    name: 'clock',
    weight: ({ hasWrongClocks }) => (hasWrongClocks ? 3 : 0),
    strike: (acts) => withWorker(acts, (worker) => acts.jumpClock(worker)),
  },
]

/** What people do, so many times in such a world, at any moment. False: not yet possible. */
export const DEEDS: readonly { readonly times: (shape: Shape) => number; readonly act: (acts: Acts) => boolean }[] = [
  { times: ({ rewinds }) => rewinds, act: (acts) => acts.rewind() },
  { times: ({ addedPartitions }) => addedPartitions, act: (acts) => acts.addPartition() },
  { times: ({ replacesTopic }) => (replacesTopic ? 1 : 0), act: (acts) => acts.replaceTopic() },
  { times: ({ requests }) => requests, act: (acts) => acts.savepoints.ask() },
  { times: ({ hasForeignJob }) => (hasForeignJob ? 1 : 0), act: (acts) => acts.startForeign() },
]

/** That workers may run on. */
const MACHINES = 4

function withWorker(acts: Acts, act: (worker: Acts['world']['workers'][number]) => void): void {
  const worker = acts.random.pick(acts.world.running)
  if (worker !== undefined) act(worker)
}
