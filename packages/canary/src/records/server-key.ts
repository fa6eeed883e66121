import type { ProcessId } from '@iapeer/core/process'
import type { CanaryRecord } from './state-file.ts'

/**
 * Returns the key of a server in the names of files that count for every identity it is watched under:
 * `<boot>-<pid>-<start token>`, as in generation.sh. `boot` is `readBoot()` up to its first `-` or `/`.
 */
export function serverKey({ boot, server }: Pick<CanaryRecord, 'boot' | 'server'>): string {
  return `${boot.split(/[-/]/, 1)[0]}-${server.pid}-${server.token}`
}

/** Parses a server key; undefined for any other text. */
export function parseServerKey(text: string): ProcessId | undefined {
  const [, pid, token] = /^[0-9a-z]*-([1-9]\d{0,9})-(\S+)$/.exec(text) ?? []
  return pid === undefined || token === undefined ? undefined : { pid: Number(pid), token }
}
