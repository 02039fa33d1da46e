/**
 * `node scripts/with-dependencies.mjs <script> [arguments]`: installs what package-lock.json says where node_modules
 * doesn't hold it, then runs the script on the repository's own Node.js (npm's package `node`).
 *
 * Plain JavaScript without dependencies: it runs before anything is installed, on whatever Node.js the machine has.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('../', import.meta.url))
const NODE_MODULES = join(REPOSITORY, 'node_modules')

const [script, ...args] = process.argv.slice(2)
if (script === undefined) {
  console.error('usage: node scripts/with-dependencies.mjs <script> [arguments]')
  process.exit(2)
}
const reason = whyToInstall()
if (reason !== undefined) install(reason)
run(join(REPOSITORY, script), args)

/**
 * Compares what npm noted as installed with what the lock file asks for. Times of files won't do: git sets them, and an
 * installation without need would pull the packages away from under whatever runs in this folder.
 *
 * @returns {string | undefined} undefined: nothing is missing
 */
function whyToInstall() {
  if (!existsSync(NODE_MODULES)) return 'node_modules does not exist yet'
  const installed = packagesOf(join(NODE_MODULES, '.package-lock.json'))
  if (installed === undefined) return 'node_modules is incomplete'
  const wanted = packagesOf(join(REPOSITORY, 'package-lock.json')) ?? {}
  for (const [path, { version, optional, devOptional, link }] of Object.entries(wanted)) {
    // The first entry is the project itself; what is optional may be left out on this platform.
    if (path === '' || link || ((optional || devOptional) && installed[path] === undefined)) continue
    if (installed[path]?.version !== version) return `${path} should be ${version}`
  }
  return existsSync(ownNode()) ? undefined : `${ownNode()} is missing`
}

/** @param {string} lockFile @returns {Record<string, Record<string, unknown>> | undefined} by path below the repository */
function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages
  } catch {
    return undefined
  }
}

/**
 * What npm prints goes to stderr: standard output belongs to the script. Errors only: it would warn of packages that are too
 * new for the machine's Node.js, on which they don't run.
 *
 * @param {string} why
 */
function install(why) {
  console.error(`Installing dependencies with npm ci, as ${why}.`)
  const startedAt = Date.now()
  // Not this very process's Node.js, if that is the repository's own: it is about to be replaced.
  const { npm_node_execpath: node, npm_execpath: npm } = process.env
  const [program, before] = node && npm ? [node, [npm]] : ['npm', []]
  const { status, error } = spawnSync(
    program,
    [...before, 'ci', '--include=dev', '--no-fund', '--no-audit', '--loglevel=error'],
    {
      cwd: REPOSITORY,
      stdio: ['ignore', 2, 2],
      shell: program === 'npm' && process.platform === 'win32',
    },
  )
  if (error !== undefined) console.error(`npm could not be started: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
  console.error(`Installed in ${((Date.now() - startedAt) / 1000).toFixed(0)} s.`)
}

function ownNode() {
  return join(NODE_MODULES, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
}

/** Ends as the script ends. @param {string} file @param {string[]} args */
function run(file, args) {
  // kafkajs, with which scripts prepare topics, asks for timers in the past; its connections work all the same.
  const child = spawn(ownNode(), ['--disable-warning=TimeoutNegativeWarning', file, ...args], { stdio: 'inherit' })
  // The script cleans up after itself; this process waits for it. Ctrl-C on a terminal reaches the script twice.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`${ownNode()} could not be started: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? (code ?? 1) : 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 0))
  })
}
