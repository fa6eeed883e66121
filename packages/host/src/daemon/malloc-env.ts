/**
 * What the daemon is started with, so that it returns memory that it needs for a moment only: buffers from 64 KiB on are mapped apart
 * from the heap, and free memory at its end is returned (mallopt(3), glibc; other libraries ignore it). Bytes.
 */
const MALLOC_ENV: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: '65536',
  MALLOC_TRIM_THRESHOLD_: '65536',
}

/** Returns the environment of a daemon: with these settings where it has none of its own. */
export const withMallocEnv = <Value extends string | undefined>(
  env: Readonly<Record<string, Value>>,
): Record<string, Value | string> => ({ ...MALLOC_ENV, ...env })

/** Removes these settings from the environment of a daemon, for its peers; settings of a person stay. */
export function stripMallocEnv(env: NodeJS.ProcessEnv): void {
  for (const [name, value] of Object.entries(MALLOC_ENV)) if (env[name] === value) delete env[name]
}
