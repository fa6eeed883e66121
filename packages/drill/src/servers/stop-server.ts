import { completeIntent, declareIntent } from '@iapeer/canary'
import { isGoneWithin } from '../processes.ts'
import { type RecordedServer, tmuxOn } from './recorded-server.ts'

const EXIT_MS = 40_000

/** Returns what names a server's generation to the functions of the canary. */
export const targetOf = ({ site, identity, gen }: RecordedServer) => ({ identity, gen, ...site.location })

/** Runs `tmux kill-server`, and waits until the server has exited. Nothing declares it. */
export async function killServer(recorded: RecordedServer): Promise<void> {
  await tmuxOn(recorded, 'kill-server')
  await isGoneWithin(recorded.server, EXIT_MS)
}

/** Stops a server on purpose: with an intent. @param by who stops it, for the intent */
export async function stopServer(recorded: RecordedServer, by: string): Promise<void> {
  await declareIntent({ ...targetOf(recorded), by, why: 'deliberate stop' })
  await killServer(recorded)
  await completeIntent(targetOf(recorded))
}
