/**
 * Returns why systemd gives the servers that `startGuardedServer` starts no scope of their own, so that no limit is enforced;
 * undefined if it does. Takes at most two seconds.
 */
export async function scopeProblem(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const { scopeProblem: find } = await import('../starting.ts')
  return find(env)
}
