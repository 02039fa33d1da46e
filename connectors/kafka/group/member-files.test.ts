import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MemberFiles } from './member-files.ts'
import { isGone, type ProcessIdentity, thisProcess } from './process-identity.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-members-'))
after(() => rmSync(root, { recursive: true }))

const self = thisProcess()
let folders = 0
const newFolder = () => join(root, String(folders++))

/** A process that has ended. */
async function deadProcess(): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ['-e', ''])
  const identity = { ...self, pid: child.pid!, start: '1' }
  await once(child, 'exit')
  return identity
}

test('a process is known by its id and the moment of its start; others are not judged', async () => {
  assert.equal(isGone(self), false)
  assert.equal(isGone(await deadProcess()), true)
  // On a system without /proc there is no start.
  if (self.start !== '') assert.equal(isGone({ ...self, start: '1' }), true)
  assert.equal(isGone({ ...self, start: '' }, { ...self, start: '' }), false)
  assert.equal(isGone({ ...(await deadProcess()), start: '' }, { ...self, start: '' }), true)
  assert.equal(isGone({ ...self, host: 'elsewhere' }), undefined)
  assert.equal(isGone({ ...self, namespace: 'another container' }), undefined)
})

test('the dead of this machine are found, and their files go once they are out of the group', async () => {
  const folder = newFolder()
  const dead = await deadProcess()
  await new MemberFiles(folder, 'orders', 0, dead).write('dead-0')
  await new MemberFiles(folder, 'orders', 1, dead).write('dead-1')
  await new MemberFiles(folder, 'other', 0, dead).write('of another group')
  await new MemberFiles(folder, 'orders', 0, { ...dead, host: 'elsewhere' }).write('elsewhere')
  await new MemberFiles(folder, 'orders', 1, self).write('a colleague in this process')
  const files = new MemberFiles(folder, 'orders', 0, self)
  const other = new MemberFiles(folder, 'orders', 2, self)
  assert.deepEqual([...(await files.predecessors())].sort(), ['dead-0', 'dead-1'])
  assert.deepEqual([...(await other.predecessors())].sort(), ['dead-0', 'dead-1'])
  for (const one of [files, other]) for (const memberId of ['dead-0', 'dead-1']) await one.forget(memberId)
  assert.deepEqual(await files.predecessors(), [])
  assert.equal(readdirSync(folder).length, 3)
})

test('whoever had the slot before, in this very process, is dead', async () => {
  const folder = newFolder()
  await new MemberFiles(folder, 'orders', 3, self).write('first thread')
  const second = new MemberFiles(folder, 'orders', 3, self)
  assert.deepEqual(await second.predecessors(), ['first thread'])
  await second.forget('first thread')
  await second.write('second thread')
  await second.write('second thread, with a new id')
  assert.deepEqual(await new MemberFiles(folder, 'orders', 3, self).predecessors(), ['second thread, with a new id'])
  assert.deepEqual(await new MemberFiles(folder, 'orders', 2, self).predecessors(), [])
  await second.remove()
  assert.deepEqual(readdirSync(folder), [])
})

test('damaged files are nobody, old strangers are deleted, and no folder is no trouble', async () => {
  const folder = newFolder()
  assert.deepEqual(await new MemberFiles(folder, 'orders', 0).predecessors(), [])
  mkdirSync(folder)
  for (const [name, content] of [
    ['a.json', '{'],
    ['b.json', 'null'],
    ['c.json', '{"version":1,"groupId":"orders","memberId":7}'],
    ['d.json', '{"version":1,"groupId":"orders","memberId":"x","process":{}}'],
    ['e.txt', ''],
  ] as const) {
    writeFileSync(join(folder, name), content)
  }
  const stranger = new MemberFiles(folder, 'orders', 0, { ...self, host: 'elsewhere' })
  await stranger.write('young')
  const old = join(folder, 'd.json')
  utimesSync(old, 0, 0)
  assert.deepEqual(await new MemberFiles(folder, 'orders', 0).predecessors(), [])
  assert.ok(!existsSync(old))
  assert.equal(readdirSync(folder).length, 5)
})
