// The events of one dialog, each once and in order, and which of them were received and read by whom.

import { list, text, type MessagingEvent } from "./wire";

const isContent = (type: string): boolean => type === "ContentEvent" || type === "RichContentEvent";

export class Log {
  /** The first sequence that may be missing. */
  next = 0;
  readonly contents: MessagingEvent[] = [];
  /** Of the consumer's own messages: what somebody else received and read. */
  readonly delivered = new Set<number>();
  readonly read = new Set<number>();
  /** Of the others' messages: what this consumer reported to have received and read. */
  readonly accepted = new Set<number>();
  readonly seen = new Set<number>();

  constructor(
    readonly conversationId: string,
    readonly dialogId: string,
  ) {}

  /** Add an event; false when it was here before. */
  add(event: MessagingEvent, isMine: boolean): boolean {
    const sequence = event.sequence;
    if (sequence === undefined || sequence < this.next) return false;
    this.next = sequence + 1;
    const type = text(event.event.type);
    if (isContent(type)) this.contents.push(event);
    if (type === "AcceptStatusEvent") this.receipt(event, isMine);
    return true;
  }

  private receipt(event: MessagingEvent, isMine: boolean): void {
    const isRead = event.event.status === "READ";
    if (!isRead && event.event.status !== "ACCEPT") return;
    for (const sequence of list(event.event.sequenceList)) {
      const number = Number(sequence);
      (isMine ? this.accepted : this.delivered).add(number);
      if (isRead) (isMine ? this.seen : this.read).add(number);
    }
  }

  /** The sequences of messages by others that are not in ``known``. */
  missing(known: Set<number>, me: string): number[] {
    return this.contents
      .filter((event) => event.originatorId !== me)
      .map((event) => event.sequence ?? 0)
      .filter((sequence) => !known.has(sequence));
  }
}
