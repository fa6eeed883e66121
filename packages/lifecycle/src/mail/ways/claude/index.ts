export { claudeMail, type ForeignMessage, type ForeignMessages, foreignMessages } from './claude-mail.ts'
