import { startInBackground } from '@iapeer/core/exec'
import { cgroupPrefix } from './host/cgroup.ts'

/**
 * Waits for the end of its standard input, which comes also when the drill is killed, and then ends what the drill has started. A drill that ends by
 * itself writes `ended` before. The daemon may be about to start while it is stopped, so it is stopped twice.
 * Arguments: Node.js, the command iapeer, the directory of the drill, its mounted disk or nothing, the start of the names of its cgroups.
 */
const SCRIPT = `
read -r word
[ "$word" = ended ] && exit
for round in 1 2; do
  "$1" "$2" daemon stop
  "$1" "$2" stop --all --timeout 1
  sleep 1
done
[ -z "$4" ] || umount "$4" || umount -l "$4"
rmdir /sys/fs/cgroup/"$5"* /sys/fs/cgroup/*/"$5"*
rm -rf "$3"
`

/** What ends the processes of a drill that is killed with SIGKILL. */
export interface AfterKill {
  /** The drill has ended everything itself. */
  readonly dismiss: () => void
}

/** @param cli the program of the command iapeer: a script of Node.js */
export async function prepareForKill(options: {
  readonly cli: string
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
  readonly disk: string | undefined
}): Promise<AfterKill> {
  const { cli, directory, env, disk = '' } = options
  const args = [process.execPath, cli, directory, disk, cgroupPrefix(process.pid)]
  const argv = ['sh', '-c', SCRIPT, 'iapeer-drill', ...args] as const
  const child = await startInBackground([...argv], { env, cwd: '/', hasInput: true })
  child.release()
  return { dismiss: () => child.write('ended\n') }
}
