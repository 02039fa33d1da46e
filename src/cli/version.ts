/** The version of this package, from the package.json that encloses this file: in src/ as in dist/. */
import { readFileSync } from 'node:fs'

export function packageVersion(): string {
  for (let folder = new URL('.', import.meta.url); folder.pathname !== '/'; folder = new URL('..', folder)) {
    const found = read(new URL('package.json', folder))
    if (found?.name === 'millrace') return found.version
  }
  return 'unknown'
}

function read(file: URL): { name: string; version: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
