export { acknowledge, releaseMessage, resendMessage, returnMessage } from './actions.ts'
export { type DeliveryLine, readDeliveryLog } from './ledger.ts'
export {
  existingMailbox,
  findMessage,
  listMailboxes,
  mailboxOf,
  operatorMailbox,
  peerOfMailbox,
} from './mailboxes.ts'
export { senderName } from './names.ts'
export {
  type Awaited,
  isHeld,
  listInbox,
  listOutbox,
  type MessageQuery,
  type MessageView,
  messageView,
  toMessageId,
  viewOf,
  type WaitResult,
  waitForReceipt,
} from './receipts.ts'
export { type Receipt, type SendRequest, sendMessage } from './send.ts'
export { identifySender, type SenderInput, senderOfBearer } from './sender.ts'
