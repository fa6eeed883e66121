export { type Connection, connectionOf, reportsOf } from './connections.ts'
export { currentThread } from './current-thread.ts'
export { embeddedThread, isEmbedded } from './embedded-thread.ts'
export { type RolloutRecord, rolloutRecords } from './rollout.ts'
export { conversationOf } from './rollout-position.ts'
export { RpcClient, RpcRefused, RpcSilent } from './rpc-client.ts'
export { loadWebSockets } from './socket-client.ts'
export {
  loadedThreads,
  readThread,
  subAgentsOf,
  type Thread,
  type ThreadTurn,
  turnsOf,
  type UserItem,
} from './threads.ts'
