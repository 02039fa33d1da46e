/** Runs a program to its end and keeps what it says. */
import { type SpawnOptions, spawn } from 'node:child_process'

export interface CommandResult {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

/** Never rejects for an exit code; rejects when the program can't be started. */
export function runCommand(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
        exitCode: code ?? 1,
      })
    })
  })
}

/** The same, but an exit code other than 0 is an error that shows the end of what was said. */
export async function mustRun(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<CommandResult> {
  const result = await runCommand(program, args, options)
  if (result.exitCode !== 0) {
    throw new Error(`${program} ended with code ${result.exitCode}:\n${lastLines(result.stdout + result.stderr, 60)}`)
  }
  return result
}

/** Whether the program can be started at all. */
export async function isInstalled(program: string, args: readonly string[]): Promise<boolean> {
  return runCommand(program, args).then(
    (result) => result.exitCode === 0,
    () => false,
  )
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
