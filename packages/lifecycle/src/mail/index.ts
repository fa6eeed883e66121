export { acknowledge, releaseMessage, resendMessage, returnMessage } from './actions.ts'
export { closeMailbox } from './close-mailbox.ts'
export { type DeliveryOptions, type MailCounts, MailDelivery } from './delivery.ts'
export { finishTask } from './finish-task.ts'
export { type InFlight, messagesInFlight } from './in-flight.ts'
export { isWorkingOnMail } from './is-working.ts'
export { type DeliveryLine, deliveryLogPath, readDeliveryLog } from './ledger.ts'
export {
  existingMailbox,
  findMessage,
  isPaused,
  listMailboxes,
  mailboxOf,
  operatorMailbox,
  pauseMailbox,
  peerOfMailbox,
  resumeMailbox,
} from './mailboxes.ts'
export { releaseStarts, startsHeldSince } from './mass-death.ts'
export { senderName } from './names.ts'
export { type MailProblem, mailProblems } from './problems.ts'
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
  waitOutcome,
} from './receipts.ts'
export { type Receipt, type SendRequest, sendMessage } from './send.ts'
export { identifySender, type SenderInput, senderOfBearer } from './sender.ts'
export { type MailRoute, type MailSummary, mailRoute, mailSummary, summarize } from './summary.ts'
