/** Child process of rocksdb-backend.test.ts: applies checkpoint after checkpoint until it is killed. */
import { changesOf, markerOf } from '../backend-contract.ts'
import { createRocksDbBackend } from './rocksdb-backend.ts'

const directory = process.argv[2]!
const tasks = ['orders/0', 'orders/1']
const backend = createRocksDbBackend({ directory, writeBufferBytes: 1024 * 1024 })
await backend.open()
process.stdout.write('open\n')
for (let checkpoint = ((await backend.markers()).get('orders/0')?.checkpoint ?? 0) + 1; ; checkpoint++) {
  const entries = Array.from({ length: 2000 + checkpoint }, (_, i) => [`key-${i}`, String(checkpoint)] as const)
  const changes = tasks.map((task) => changesOf(task, entries))
  await backend.apply(changes, new Map(tasks.map((task) => [task, markerOf(checkpoint)])))
}
