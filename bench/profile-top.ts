/**
 * Where the time of a CPU profile went: `node bench/profile-top.ts <file.cpuprofile> [function name]`. Self time without
 * idle time, by function and by folder, between the first and the last call of `appendText` (or the function that
 * is named): start and end of a run are left out.
 */
import { readFileSync } from 'node:fs'
import { aligned } from './report.ts'

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  /** Node ids. */
  readonly samples: readonly number[]
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[]
}

const LINES = 40

const [file, markedBy = 'appendText'] = process.argv.slice(2)
if (file === undefined) throw new Error('expected a .cpuprofile file')
const { nodes, samples, timeDeltas }: Profile = JSON.parse(readFileSync(file, 'utf8'))
const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
const isMark = (id: number) => frames.get(id)?.functionName === markedBy
const first = Math.max(0, samples.findIndex(isMark))
const last = samples.findLastIndex(isMark)
if (last < 0) throw new Error(`${markedBy} is not in the profile`)

const byFunction = new Map<string, number>()
const byFolder = new Map<string, number>()
let busyUs = 0
let wholeUs = 0
for (let index = first; index <= last; index++) {
  const frame = frames.get(samples[index]!)
  const us = timeDeltas[index]!
  wholeUs += us
  if (frame === undefined || frame.functionName === '(idle)') continue
  busyUs += us
  add(byFunction, `${frame.functionName || '(anonymous)'}  ${place(frame.url)}:${frame.lineNumber + 1}`, us)
  add(byFolder, folder(frame), us)
}

console.log(`${(wholeUs / 1e6).toFixed(2)} s, ${(busyUs / 1e6).toFixed(2)} s of them busy\n`)
for (const [title, shares] of [
  ['folder', byFolder],
  ['function', byFunction],
] as const) {
  const rows = [...shares].sort(([, left], [, right]) => right - left).slice(0, LINES)
  console.log(aligned([['% busy', title], ...rows.map(([name, us]) => [((us * 100) / busyUs).toFixed(1), name])]).join('\n'))
  console.log()
}

function add(shares: Map<string, number>, name: string, us: number): void {
  shares.set(name, (shares.get(name) ?? 0) + us)
}

function place(url: string): string {
  return url.replace(/^file:\/\//, '').replace(/^.*\/(dist|node_modules)\//, '')
}

/** The folder of our own code, the package of others', or what Node.js calls it. */
function folder({ functionName, url }: { functionName: string; url: string }): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native code)'
  if (url.startsWith('node:')) return url.split('/')[0] ?? url
  const path = place(url)
  return url.includes('/node_modules/') ? `npm ${path.split('/')[0]}` : path.slice(0, path.lastIndexOf('/'))
}
