/** What outlives the process of a member: its id in the group, so that whoever comes next can take it out at once. */
export interface MemberRecord {
  /** Member ids of workers that are known to be dead, and may still be in the group. */
  predecessors(): Promise<readonly string[]>
  /** One of them is out of the group. */
  forget(memberId: string): Promise<void>
  /** This worker has this id from now on. */
  write(memberId: string): Promise<void>
  /** This worker has left. */
  remove(): Promise<void>
}
