/**
 * Who this worker is in its consumer group at the moment: brokers take offsets of a group that has members only from one
 * of them. Shared by the membership, which sets it, and by the sources, which publish their positions.
 */
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { MemberRef } from '../client/requests/group-requests.ts'

/** `solo`: there is no group to be a member of. `absent`: there is one, and this worker is not in it now. */
export type CurrentMember = Pick<MemberRef, 'generation' | 'memberId'> | 'solo' | 'absent'

export class GroupIdentity {
  #current: CurrentMember = 'solo'

  /** The one of this worker. */
  static of(context: Pick<ConnectorContext, 'share'>): GroupIdentity {
    return context.share('kafka-group', () => new GroupIdentity(), 'worker')
  }

  get current(): CurrentMember {
    return this.#current
  }

  set(current: CurrentMember): void {
    this.#current = current
  }

  async close(): Promise<void> {}
}
