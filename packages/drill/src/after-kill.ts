import { startInBackground } from '@iapeer/core/exec'
import { cgroupPrefix } from './host/cgroup.ts'

/**
 * Waits for the end of its standard input, which comes also when the drill is killed, and then ends what the drill has started. A drill that ends by
 * itself writes `ended` before. A daemon may be about to start while it is stopped, and a disk about to be mounted, so it tries several times.
 * Arguments: Node.js, the command iapeer, the directory of the drill, the start of the names of its cgroups.
 */
const SCRIPT = `
read -r word
[ "$word" = ended ] && exit
for round in 1 2 3 4 5 6 7 8 9 10; do
  for root in "$3"/*/root "$3"/*/disk/root; do
    [ -d "$root" ] || continue
    IAPEER_ROOT=$root "$1" "$2" daemon stop
    IAPEER_ROOT=$root "$1" "$2" stop --all --timeout 1
  done
  sleep 1
  [ $round -gt 1 ] || continue
  for disk in "$3"/*/disk; do [ ! -d "$disk" ] || umount "$disk" || umount -l "$disk"; done
  rmdir /sys/fs/cgroup/"$4"* /sys/fs/cgroup/*/"$4"*
  rm -rf "$3"
  [ $round -lt 4 ] || [ -e "$3" ] || exit
done
`

/** What ends the processes of a drill that is killed with SIGKILL. */
export interface AfterKill {
  /** The drill has ended everything itself. */
  readonly dismiss: () => void
}

/**
 * Prepares for a SIGKILL of this process.
 * @param cli the program of the command iapeer: a script of Node.js
 * @param directory that of the drill, which is made after this
 */
export async function prepareForKill(options: {
  readonly cli: string
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
}): Promise<AfterKill> {
  const { cli, directory, env } = options
  const args = [process.execPath, cli, directory, cgroupPrefix(process.pid)]
  const argv = ['sh', '-c', SCRIPT, 'iapeer-drill', ...args] as const
  const child = await startInBackground([...argv], { env, cwd: '/', hasInput: true })
  child.release()
  return { dismiss: () => child.write('ended\n') }
}
