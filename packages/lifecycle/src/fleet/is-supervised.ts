import { readDaemonHolder } from '@iapeer/core/storage'

/** Returns whether a daemon supervises the peers of a root; also true where its process cannot be observed. */
export async function isSupervised(root: string): Promise<boolean> {
  const holder = await readDaemonHolder(root)
  return holder !== undefined && holder.liveness !== 'gone'
}
