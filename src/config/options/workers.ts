/** Workers of a process, their group, and exchanges between them. */
import { withDefault } from '../option.ts'
import { bytes, duration, integer } from '../option-types.ts'
import { GIB, HOUR, MIB, MINUTE, SECOND } from './amounts.ts'

export const WORKERS_OPTIONS = {
  workers: withDefault({
    name: 'workers',
    group: 'workers',
    type: integer({ min: 1, max: 64 }),
    default: 1,
    description:
      'How many workers this process runs. Each has an event loop, a Kafka client and local state of its own and is one member of the consumer group; more than one run in threads, and one that dies is started anew. More than the machine has cores, or than the job has partitions, is of no use.',
  }),
  memoryBudget: withDefault({
    name: 'memory-budget',
    group: 'workers',
    type: bytes({ min: 192 * MIB, max: 1024 * GIB, zeroWord: 'off' }),
    default: 0,
    description:
      'The memory that this process is to stay within, all of its workers together. Caches, write buffers, state changes and what is fetched ahead get their shares of it, which move to where they gain most. It takes the place of state-cache-bytes, overlay-bytes and fetch-budget-bytes, which then may not be set. It is a figure to steer by, not a limit that is enforced: leave room below that of a container.',
  }),
  sessionTimeoutMs: withDefault({
    name: 'session-timeout',
    group: 'workers',
    type: duration({ min: SECOND, max: 30 * MINUTE }),
    default: 10 * SECOND,
    description:
      'A worker that Kafka has not heard of for so long counts as dead, and the others take over its work. Shorter: a killed worker is replaced sooner. Longer: pauses and restarts of brokers are sat out. The brokers bound it: 6 seconds to 30 minutes by default.',
  }),
  heartbeatIntervalMs: withDefault({
    name: 'heartbeat-interval',
    group: 'workers',
    type: duration({ min: 50, max: MINUTE }),
    default: 500,
    description:
      'How often a worker tells Kafka that it is alive, and learns that others come or go. At most a third of session-timeout.',
  }),
  rebalanceTimeoutMs: withDefault({
    name: 'rebalance-timeout',
    group: 'workers',
    type: duration({ min: SECOND, max: HOUR }),
    default: MINUTE,
    description:
      'When workers come or go, the others first take a last checkpoint. One that has not joined again within this time is left behind.',
  }),
  standbyReplicas: withDefault({
    name: 'standby-replicas',
    group: 'workers',
    type: integer({ min: 0, max: 10 }),
    default: 0,
    description:
      'On so many other workers the state of each task is kept as a copy that follows the checkpoints, on other machines where there are any, so that whoever takes over a task restores almost nothing. Each copy takes the disk of the state, and reads from the storage what every checkpoint writes. What the worker that leads the group says holds for all.',
  }),
  exchangeMaxLag: withDefault({
    name: 'exchange-max-lag',
    group: 'workers',
    type: integer({ min: 1, max: 1_000_000_000 }),
    default: 2_000,
    description:
      'How many frames (up to some hundred records each) the partitions of an exchange may lag before sources wait for them. It bounds what a slow second stage leaves on the brokers’ disks.',
  }),
  partitionDiscoveryIntervalMs: withDefault({
    name: 'partition-discovery-interval',
    group: 'workers',
    type: duration({ min: SECOND, max: 24 * HOUR }),
    default: MINUTE,
    description: 'How often the leader looks whether topics that the job reads have more partitions.',
  }),
} as const
