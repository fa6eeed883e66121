import { homedir } from 'node:os'
import { join } from 'node:path'
import { readableText } from './shell-lines.ts'

/** Returns where `iapeer completion --help` tells a person to put the script of each shell. */
function completionPaths(env: NodeJS.ProcessEnv): readonly string[] {
  const home = homedir()
  const data = env['XDG_DATA_HOME'] || join(home, '.local', 'share')
  const config = env['XDG_CONFIG_HOME'] || join(home, '.config')
  return [
    join(data, 'bash-completion', 'completions', 'iapeer'),
    join(home, '.zfunc', '_iapeer'),
    join(config, 'fish', 'completions', 'iapeer.fish'),
  ]
}

/** The line by which each script says whose it is. */
const MARK = /^# (bash|zsh|fish) completion for iapeer\b/m

/** Returns the completion scripts of iapeer that are installed at those paths. */
export async function completionFiles(env: NodeJS.ProcessEnv = process.env): Promise<string[]> {
  const found: string[] = []
  for (const path of completionPaths(env)) if (MARK.test(await readableText(path))) found.push(path)
  return found
}
