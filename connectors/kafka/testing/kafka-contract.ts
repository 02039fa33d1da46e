/**
 * What the product depends on of Kafka's answers, as scripts that run against the model (kafka-model.test.ts) and against
 * a real broker (itest/simulator/kafka-model.itest.ts), so that the model can't drift. Where the two differ the model is
 * wrong.
 */
import type { KafkaUnderContract } from './contract-kit.ts'
import { groupScripts } from './groups-contract.ts'
import { idempotenceScripts } from './idempotence-contract.ts'
import { logScripts } from './logs-contract.ts'
import { topicScripts } from './topics-contract.ts'
import { transactionScripts } from './transactions-contract.ts'

export type ContractScript = (kafka: KafkaUnderContract) => Promise<void>

/** By name. Each uses topics, groups and transactional ids of its own. */
export const kafkaContract: Readonly<Record<string, ContractScript>> = {
  ...logScripts,
  ...topicScripts,
  ...idempotenceScripts,
  ...transactionScripts,
  ...groupScripts,
}
