// The consumer's side of the conversation, without a page: what was said, what is on its way, who is typing.

import { Connection, Lost, Refusal } from "./connection";
import type { Identity } from "./identity";
import { Log } from "./log";
import type { Origin } from "./options";
import { Outbox, type Letter } from "./outbox";
import type { Storage } from "./storage";
import { address, fileEvent, fileType, preview, put } from "./upload";
import { isFields, list, text, type Conversation, type Fields, type Json, type MessagingEvent } from "./wire";

const COMPOSING_MS = 4_000;
const PAUSE_MS = 6_000;
const TYPING_SHOWN_MS = 10_000;
const AGAIN_MS = 3_000;
const CONFLICT = 409;

export type Phase = "idle" | "connecting" | "online" | "offline" | "refused";
export type MessageState = "sending" | "sent" | "delivered" | "read" | "failed";

export interface MessageItem {
  kind: "message";
  key: string;
  isMine: boolean;
  at: number;
  event: Fields;
  state?: MessageState | undefined;
  progress?: number | undefined;
  letter?: Letter | undefined;
}
export interface NoticeItem {
  kind: "ended" | "rating" | "survey";
  key: string;
  at: number;
}
export type Item = MessageItem | NoticeItem;

export interface Place {
  account: string;
  server: string;
  skill: string;
  language: string;
  origin: Origin | null;
}

export class Client {
  phase: Phase = "idle";
  isTyping = false;
  private readonly connection: Connection;
  private readonly outbox: Outbox;
  private readonly conversations = new Map<string, Conversation>();
  private readonly logs = new Map<string, Log>();
  private readonly shown: string[] = [];
  private readonly followed = new Set<string>();
  private readonly acknowledging = new Set<string>();
  private isSynced = false;
  private isSending = false;
  private isLooking = false;
  private composedAt = 0;
  private pauseTimer = 0;
  private typingTimer = 0;

  constructor(
    private readonly place: Place,
    private readonly identity: Identity,
    private readonly storage: Storage,
    private readonly changed: () => void,
  ) {
    this.outbox = new Outbox(storage);
    const url = `${place.server.replace(/^http/, "ws")}/ws_api/account/${encodeURIComponent(place.account)}/messaging/consumer?v=3`;
    this.connection = new Connection(url, identity, {
      connected: () => void this.synchronise(),
      disconnected: () => this.lost(),
      refused: () => this.set("refused"),
      notified: (type, body) => this.notified(type, body),
    });
    const me = identity.me;
    if (me) {
      this.outbox.load(me);
      this.start();
    }
  }

  // What the visitor does

  /** Whether the visitor looks at the conversation now: what arrives is read then. */
  look(isLooking: boolean): void {
    this.isLooking = isLooking;
    if (isLooking && this.identity.me) this.start();
    this.acknowledge();
    this.changed();
  }

  /** What is said next answers this offer, if it begins a conversation. */
  beginFrom(origin: Origin | null): void {
    this.place.origin = origin;
  }

  say(message: string, metadata: Json[] = []): void {
    this.composedAt = 0;
    clearTimeout(this.pauseTimer);
    this.post({ type: "ContentEvent", contentType: "text/plain", message }, metadata);
  }

  send(file: File): void {
    this.post(null, [], file);
  }

  retry(letter: Letter): void {
    letter.failed = false;
    const log = this.logs.get(letter.dialogId);
    if (!log || !this.isOpen(log)) letter.dialogId = letter.conversationId = "";
    this.outbox.keep(letter, this.identity.me);
    this.connection.hurry();
    this.changed();
    void this.flush();
  }

  discard(letter: Letter): void {
    this.outbox.remove(letter);
    this.changed();
  }

  /** The visitor types; an empty text is one that was taken back. */
  compose(isEmpty: boolean): void {
    clearTimeout(this.pauseTimer);
    if (isEmpty) {
      if (this.composedAt) this.tell("ACTIVE");
      this.composedAt = 0;
      return;
    }
    this.pauseTimer = setTimeout(() => {
      this.composedAt = 0;
      this.tell("PAUSE");
    }, PAUSE_MS);
    if (Date.now() - this.composedAt > COMPOSING_MS) {
      this.composedAt = Date.now();
      this.tell("COMPOSING");
    }
  }

  async end(): Promise<void> {
    const target = this.target();
    if (!target) return;
    await this.update(target.conversationId, {
      field: "DialogChange",
      type: "UPDATE",
      dialog: { dialogId: target.dialogId, state: "CLOSE" },
    });
  }

  async rate(rate: number | null, isSolved: boolean | null): Promise<void> {
    const conversation = this.current();
    if (!conversation) return;
    const whole = rate !== null && isSolved !== null;
    await this.update(conversation.convId, {
      field: "CSATRate",
      ...(rate !== null && { csatRate: rate }),
      ...(isSolved !== null && { csatResolutionConfirmation: isSolved }),
      status: rate === null ? "SKIPPED" : whole ? "FILLED" : "PARTIALLY_FILLED",
    });
  }

  async fileAddress(relativePath: string): Promise<string> {
    return address(this.place.server, await this.connection.request("ms.GenerateURLForDownloadFile", { relativePath }));
  }

  // What there is to see

  get items(): Item[] {
    const items: Item[] = [];
    const me = this.identity.me ?? "";
    const waiting = new Map(this.outbox.letters.map((letter) => [letter.key, letter]));
    for (const id of this.shown) {
      const conversation = this.conversations.get(id);
      for (const dialog of conversation?.conversationDetails.dialogs ?? []) {
        const log = this.logs.get(dialog.dialogId);
        if (dialog.dialogType === "POST_SURVEY" && log?.contents.length)
          items.push({ kind: "survey", key: `survey ${dialog.dialogId}`, at: dialog.creationTs });
        for (const event of log?.contents ?? []) {
          items.push(this.item(log as Log, event, me));
          for (const letter of this.marks(event, waiting, log as Log)) waiting.delete(letter.key);
        }
      }
      if (conversation && conversation.conversationDetails.stage === "CLOSE") {
        items.push({ kind: "ended", key: `ended ${id}`, at: Infinity });
        if (id === this.current()?.convId && !conversation.conversationDetails.csat && !this.outbox.letters.length)
          items.push({ kind: "rating", key: `rating ${id}`, at: Infinity });
      }
    }
    for (const letter of waiting.values()) items.push(letterItem(letter));
    return items;
  }

  get unread(): number {
    const me = this.identity.me ?? "";
    const conversation = this.current();
    const dialogs = conversation?.conversationDetails.dialogs ?? [];
    return dialogs.reduce((sum, dialog) => {
      const log = this.logs.get(dialog.dialogId);
      const until = Number(this.storage.get(`seen:${dialog.dialogId}`) ?? -1);
      return sum + (log?.missing(log.seen, me).filter((sequence) => sequence > until).length ?? 0);
    }, 0);
  }

  /** Whether there is a conversation that the visitor may end. */
  get canEnd(): boolean {
    return this.phase === "online" && this.target() !== null;
  }

  private item(log: Log, event: MessagingEvent, me: string): MessageItem {
    const sequence = event.sequence ?? 0;
    const isMine = event.originatorId === me;
    const key = `${log.dialogId} ${sequence}`;
    const item: MessageItem = { kind: "message", key, isMine, at: event.serverTimestamp ?? 0, event: event.event };
    if (isMine) item.state = log.read.has(sequence) ? "read" : log.delivered.has(sequence) ? "delivered" : "sent";
    return item;
  }

  private *marks(event: MessagingEvent, waiting: Map<string, Letter>, log: Log): Iterable<Letter> {
    for (const letter of waiting.values())
      if (letter.dialogId === log.dialogId && (letter.sequence === event.sequence || carries(event, letter.key))) yield letter;
  }

  // What is on its way

  private post(event: Fields | null, metadata: Json[], file?: File): void {
    const letter = this.outbox.add(event, metadata, file);
    this.outbox.keep(letter, this.identity.me);
    this.start();
    this.connection.hurry();
    this.changed();
    void this.flush();
  }

  private start(): void {
    if (this.phase === "idle") this.set("connecting");
    this.connection.start();
  }

  private async flush(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    try {
      let letter: Letter | undefined;
      while (this.isSynced && (letter = this.outbox.letters.find((one) => !one.failed && one.sequence === undefined)))
        if (!(await this.deliver(letter))) break;
    } finally {
      this.isSending = false;
    }
  }

  /** Send one letter; false when it must wait. */
  private async deliver(letter: Letter): Promise<boolean> {
    try {
      await this.address(letter);
      if (letter.file && !letter.event) await this.upload(letter, letter.file);
      const answer = await this.connection.request(
        "ms.PublishEvent",
        { dialogId: letter.dialogId, conversationId: letter.conversationId, event: letter.event },
        { key: letter.key, metadata: [...letter.metadata, { type: "ExternalId", id: letter.key }] },
      );
      this.outbox.confirmed(letter, isFields(answer) ? Number(answer.sequence) : 0);
      this.settle();
    } catch (error) {
      if (error instanceof Lost) return false; // the next connection goes on here
      if (error instanceof Refusal && error.isPassing) {
        setTimeout(() => void this.flush(), AGAIN_MS);
        return false;
      }
      if (error instanceof Refusal && error.code === CONFLICT && !letter.moved) {
        letter.moved = true; // it ended meanwhile: this begins the next one
        letter.dialogId = letter.conversationId = "";
        return true;
      }
      letter.failed = true;
      this.outbox.keep(letter, this.identity.me);
    }
    this.changed();
    return true;
  }

  /** Say which dialog a letter is for, and open a conversation if there is none. */
  private async address(letter: Letter): Promise<void> {
    if (letter.dialogId) return;
    let target = this.target();
    if (!target) {
      const { account, skill, language, origin } = this.place;
      const context: Fields = { type: "SharkContext", lang: language };
      const body: Fields = { brandId: account, channelType: "MESSAGING", conversationContext: context };
      if (skill) body.skillId = skill;
      if (origin) {
        body.campaignInfo = { campaignId: origin.campaign, engagementId: origin.engagement };
        Object.assign(context, { visitorId: origin.visitor, sessionId: origin.session, interactionContextId: origin.context });
      }
      const opened = await this.connection.request("cm.ConsumerRequestConversation", body, { key: `${letter.key}-open` });
      const id = isFields(opened) ? text(opened.conversationId) : "";
      this.place.origin = null; // an offer begins one conversation
      target = { conversationId: id, dialogId: id };
    }
    letter.conversationId = target.conversationId;
    letter.dialogId = target.dialogId;
    this.outbox.keep(letter, this.identity.me);
  }

  private async upload(letter: Letter, file: File): Promise<void> {
    letter.progress = 0;
    const small = await preview(file);
    const asked = { fileSize: String(file.size), fileType: fileType(file) };
    const answer = await this.connection.request("ms.GenerateURLForUploadFile", asked);
    await put(address(this.place.server, answer), file, (share) => {
      letter.progress = share;
      this.changed();
    });
    letter.event = fileEvent(file, isFields(answer) ? text(answer.relativePath) : "", small);
    this.outbox.keep(letter, this.identity.me);
  }

  /** Forget letters whose events have arrived. */
  private settle(): void {
    const me = this.identity.me ?? "";
    for (const letter of [...this.outbox.letters]) {
      const log = this.logs.get(letter.dialogId);
      const event = log?.contents.find(
        (one) => one.originatorId === me && (one.sequence === letter.sequence || carries(one, letter.key)),
      );
      if (event) this.outbox.remove(letter);
    }
  }

  private tell(chatState: string): void {
    const target = this.target();
    if (!target || !this.isSynced || target.dialogId !== target.conversationId) return; // surveys take no chat states
    this.publish(target.dialogId, target.conversationId, { type: "ChatStateEvent", chatState }).catch(() => undefined);
  }

  private publish(dialogId: string, conversationId: string, event: Fields): Promise<Json> {
    return this.connection.request("ms.PublishEvent", { dialogId, conversationId, event });
  }

  private update(conversationId: string, change: Fields): Promise<Json> {
    return this.connection.request("cm.UpdateConversationField", { conversationId, conversationField: [change] });
  }

  /** Report what arrived, and what was read. */
  private acknowledge(): void {
    const me = this.identity.me ?? "";
    const isLooking = this.isLooking && document.visibilityState === "visible";
    for (const dialog of this.current()?.conversationDetails.dialogs ?? []) {
      const log = this.logs.get(dialog.dialogId);
      if (!log) continue;
      const sequences = log.missing(isLooking ? log.seen : log.accepted, me);
      const last = sequences[sequences.length - 1];
      if (last === undefined) continue;
      if (isLooking) this.storage.set(`seen:${dialog.dialogId}`, String(log.next - 1));
      const status = isLooking ? "READ" : "ACCEPT";
      const mark = `${status} ${dialog.dialogId} ${last}`;
      if (!this.isSynced || dialog.state !== "OPEN" || this.acknowledging.has(mark)) continue;
      this.acknowledging.add(mark); // the event of it comes back; until then it is not said again
      const event = { type: "AcceptStatusEvent", status, sequenceList: sequences };
      this.publish(dialog.dialogId, log.conversationId, event).catch(() => undefined);
    }
  }

  // What the server tells

  private async synchronise(): Promise<void> {
    try {
      this.outbox.load(this.identity.me ?? "");
      for (const letter of this.outbox.letters) this.outbox.keep(letter, this.identity.me);
      await this.connection.request("cqm.SubscribeExConversations", { convState: ["OPEN", "CLOSE"] });
      await this.connection.request("GetClock", {}); // answered after what the subscription found
    } catch {
      if (this.connection.isReady) setTimeout(() => void this.synchronise(), AGAIN_MS);
      return;
    }
    this.isSynced = true;
    this.set("online");
    this.follow();
    void this.flush();
  }

  private lost(): void {
    this.isSynced = false;
    this.followed.clear();
    this.acknowledging.clear();
    this.isTyping = false;
    this.set("offline");
  }

  private set(phase: Phase): void {
    this.phase = phase;
    this.changed();
  }

  private notified(type: string, body: Json): void {
    const changes = isFields(body) ? list(body.changes) : [];
    if (type.endsWith("ExConversationChangeNotification")) {
      for (const change of changes) if (isFields(change)) this.keepConversation(change.result);
      this.follow();
    } else if (type.endsWith("MessagingEventNotification")) {
      for (const change of changes) if (isFields(change)) this.take(change as unknown as MessagingEvent);
      this.settle();
      this.acknowledge();
    }
    this.changed();
  }

  private keepConversation(result: Json | undefined): void {
    if (!isFields(result) || !isFields(result.conversationDetails)) return;
    const conversation = result as unknown as Conversation;
    this.conversations.set(conversation.convId, conversation);
    const current = this.current();
    if (current?.conversationDetails.state === "CLOSE") this.showTyping(false);
    if (current && !this.shown.includes(current.convId)) this.shown.push(current.convId);
  }

  private follow(): void {
    if (!this.isSynced) return;
    for (const id of this.shown)
      for (const dialog of this.conversations.get(id)?.conversationDetails.dialogs ?? []) {
        if (this.followed.has(dialog.dialogId)) continue;
        this.followed.add(dialog.dialogId);
        const log = this.log(id, dialog.dialogId);
        this.connection
          .request("ms.SubscribeMessagingEvents", { dialogId: dialog.dialogId, conversationId: id, fromSeq: log.next })
          .catch((error: unknown) => {
            this.followed.delete(dialog.dialogId);
            if (error instanceof Refusal && error.isPassing) setTimeout(() => this.follow(), AGAIN_MS);
          });
      }
  }

  private take(event: MessagingEvent): void {
    const id = this.dialogConversation(event);
    if (!id || !isFields(event.event) || !this.followed.has(event.dialogId)) return;
    const isMine = event.originatorId === this.identity.me;
    const type = text(event.event.type);
    if (type === "ChatStateEvent") {
      if (!isMine) this.showTyping(event.event.chatState === "COMPOSING");
    } else if (this.log(id, event.dialogId).add(event, isMine) && !isMine && type !== "AcceptStatusEvent") {
      this.showTyping(false);
    }
  }

  private showTyping(isTyping: boolean): void {
    clearTimeout(this.typingTimer);
    this.isTyping = isTyping;
    if (isTyping)
      this.typingTimer = setTimeout(() => {
        this.isTyping = false;
        this.changed();
      }, TYPING_SHOWN_MS);
  }

  private dialogConversation(event: MessagingEvent): string {
    return this.logs.get(event.dialogId)?.conversationId ?? event.conversationId ?? "";
  }

  private log(conversationId: string, dialogId: string): Log {
    let log = this.logs.get(dialogId);
    if (!log) this.logs.set(dialogId, (log = new Log(conversationId, dialogId)));
    return log;
  }

  private isOpen(log: Log): boolean {
    const dialogs = this.conversations.get(log.conversationId)?.conversationDetails.dialogs ?? [];
    return dialogs.some((dialog) => dialog.dialogId === log.dialogId && dialog.state === "OPEN");
  }

  /** The newest conversation that is not over, or the newest. */
  private current(): Conversation | null {
    const all = [...this.conversations.values()];
    const open = all.filter((one) => one.conversationDetails.stage === "OPEN");
    const newest = (open.length ? open : all).sort(
      (one, other) => other.conversationDetails.startTs - one.conversationDetails.startTs,
    );
    return newest[0] ?? null;
  }

  /** The dialog that what is said now belongs to: the survey when there is one, else the talk itself. */
  private target(): { conversationId: string; dialogId: string } | null {
    const conversation = this.current();
    const open = conversation?.conversationDetails.dialogs.filter((dialog) => dialog.state === "OPEN") ?? [];
    const dialog = open.find((one) => one.dialogType === "POST_SURVEY") ?? open[0];
    return conversation && dialog ? { conversationId: conversation.convId, dialogId: dialog.dialogId } : null;
  }
}

function carries(event: MessagingEvent, key: string): boolean {
  return list(event.metadata).some((one) => isFields(one) && one.type === "ExternalId" && one.id === key);
}

function letterItem(letter: Letter): MessageItem {
  const message: Fields = { caption: letter.file?.name ?? "", fileType: letter.file ? fileType(letter.file) : "" };
  const event = letter.event ?? { type: "ContentEvent", contentType: "hosted/file", message };
  const state = letter.failed ? "failed" : letter.sequence === undefined ? "sending" : "sent";
  const progress = letter.file && !letter.event && !letter.failed ? letter.progress : undefined;
  return { kind: "message", key: letter.key, isMine: true, at: letter.at, event, state, progress, letter };
}
