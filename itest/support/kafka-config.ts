/** The configuration of a broker for tests, the same for both providers. */

/** For one broker that serves tests: nothing is replicated, nothing is created by accident, nothing waits without need. */
const TEST_BROKER_CONFIG: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'false',
  'num.partitions': '4',
  'default.replication.factor': '1',
  'min.insync.replicas': '1',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '4',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  // A broker that was killed may register again only when its old session is over, by default after 9 s.
  'broker.session.timeout.ms': '2500',
  'broker.heartbeat.interval.ms': '500',
}

/** Addresses are host:port. */
export interface BrokerPlace {
  /** Where the broker listens for clients. */
  readonly listen: string
  /** How clients reach that. */
  readonly advertised: string
  /**
   * Where the broker reaches itself: when it verifies a transaction, it asks the coordinator as another broker would. Not
   * the clients' address, which may lead through a port of another machine or through a proxy that a test cuts.
   */
  readonly internal: string
  readonly controller: string
  readonly logDir: string
  /** Wins over everything else. */
  readonly config: Readonly<Record<string, string>>
}

export function brokerConfig(place: BrokerPlace): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${place.controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${place.listen},INTERNAL://${place.internal},CONTROLLER://${place.controller}`,
    'advertised.listeners': `PLAINTEXT://${place.advertised},INTERNAL://${place.internal}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'inter.broker.listener.name': 'INTERNAL',
    'log.dirs': place.logDir,
    ...TEST_BROKER_CONFIG,
    ...place.config,
  }
}
