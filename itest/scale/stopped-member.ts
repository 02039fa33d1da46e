/**
 * A process with one member, for a test that stops it (SIGSTOP): prints `joined`, and `ended` when the membership is.
 * While it runs it asks every few milliseconds, as a worker does between two batches, and prints `late` if it took itself
 * for a member although its clock shows that the session is over.
 *
 * Arguments: bootstrap, group id, session timeout in ms.
 */
import { GroupSession } from '../../connectors/kafka/group/group-session.ts'
import { TestWorker } from './workers.ts'

const [bootstrap = '', groupId = '', timeout] = process.argv.slice(2)
const sessionTimeoutMs = Number(timeout)
const worker = await TestWorker.open(bootstrap, 'stopped', { groupId, sessionTimeoutMs })
const membership = await worker.take()
if (!(membership instanceof GroupSession)) throw new Error('another kind of membership')
process.stdout.write('joined\n')
let lastMs = performance.now()
const asking = setInterval(() => {
  const nowMs = performance.now()
  if (nowMs - lastMs > sessionTimeoutMs && !membership.hasEnded()) process.stdout.write('late\n')
  lastMs = nowMs
}, 5)
membership.ended.addEventListener('abort', () => {
  clearInterval(asking)
  process.stdout.write(`ended: ${membership.ended.reason.message}\n`)
  worker.kill()
})
