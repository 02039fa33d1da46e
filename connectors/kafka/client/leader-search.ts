/** Asks for metadata until every partition that somebody waits for has a leader; at least once each time it is started. */
import { toError } from '../../../src/common/errors.ts'
import { type BackoffOptions, backoffMs } from './backoff.ts'
import { isWorthRetrying, topicRefused } from './client-errors.ts'
import type { ClusterAccess } from './cluster-access.ts'
import { isAuthorizationCode, KafkaCode } from './kafka-errors.ts'
import type { TopicPartition } from './requests/offset-requests.ts'

export interface LeaderSearchHost {
  /** Whose leaders are wanted, now. */
  partitions(): Iterable<TopicPartition>
  /** There is news; some partitions may still be without a leader. May throw: that ends the search and is reported. */
  onNews(): void
  /** The cluster can't be asked at the moment; the search goes on. */
  onDelay(error: Error): void
  /** No waiting will mend it: a missing right, an impossible name. */
  onError(error: Error): void
}

export class LeaderSearch {
  readonly #cluster: ClusterAccess
  readonly #host: LeaderSearchHost
  readonly #backoff: BackoffOptions
  #isRunning = false
  #isStopped = false

  constructor(cluster: ClusterAccess, host: LeaderSearchHost, backoff: BackoffOptions) {
    this.#cluster = cluster
    this.#host = host
    this.#backoff = backoff
  }

  start(): void {
    if (this.#isRunning || this.#isStopped) return
    this.#isRunning = true
    this.#run()
      .catch((error) => {
        if (!this.#isStopped) this.#host.onError(toError(error))
      })
      .finally(() => {
        this.#isRunning = false
      })
  }

  stop(): void {
    this.#isStopped = true
  }

  async #run(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const topics = new Set([...this.#host.partitions()].map(({ topic }) => topic))
      try {
        await this.#cluster.refreshMetadata([...topics])
        if (this.#isStopped) return
        for (const topic of topics) this.#refuseImpossible(topic)
        this.#host.onNews()
      } catch (error) {
        if (!isWorthRetrying(error)) throw error
        this.#host.onDelay(toError(error))
        // Somebody else may have asked meanwhile, with success, and nobody would tell this host.
        if (!this.#isStopped && this.#isComplete()) this.#host.onNews()
      }
      if (this.#isStopped || this.#isComplete()) return
      await this.#cluster.clock.sleep(backoffMs(this.#cluster, attempt, this.#backoff))
      if (this.#isStopped) return
    }
  }

  #isComplete(): boolean {
    for (const { topic, partition } of this.#host.partitions()) {
      if (this.#cluster.leaderOf(topic, partition) === undefined) return false
    }
    return true
  }

  #refuseImpossible(topic: string): void {
    const code = this.#cluster.topicError(topic)
    if (isAuthorizationCode(code) || code === KafkaCode.invalidTopic) throw topicRefused(topic, code)
  }
}
