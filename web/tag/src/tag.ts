// The visit: tells the server where the visitor is and what is known of them, asks for the offer, and shows it.

import { Api, persist, Refused, RETRIES } from "./api";
import { consumerOf, Memory } from "./memory";
import { messenger, openMessenger } from "./messenger";
import { Offer, PLAIN } from "./offer";
import type { Options } from "./options";
import { LONGEST, pageAddress, watchPages } from "./pages";
import { isFields, type Answer, type Details, type Fields } from "./wire";

const SETTLE_MS = 50; // what is pushed together is told together
const AGAIN_MS = 10_000;
const IDLE_MS = 300_000;
const NEVER = -1;
const MOST_ATTRIBUTES = 100;
const MOST_SECTIONS = 20;
const LONGEST_TITLE = 250;
const CLOSED = "closed";

const isSeen = (): boolean => document.visibilityState === "visible";

export class Tag {
  private readonly memory: Memory;
  private readonly api: Api;
  private sections: string[];
  private identity: Fields | null = null;
  private attributes: Fields[] = [];
  private isStarted = false;
  private isNewPage = true;
  private pageId = "";
  private isAsking = false;
  private isWanted = false;
  private failures = 0;
  private timer = 0;
  private activeAt = Date.now();
  private offer: Offer | null = null;
  private offered = "";
  private delay = 0;
  private done = "";
  private isTalking = false;

  constructor(private readonly options: Options) {
    this.memory = new Memory(`switchbay-tag:${options.server}:${options.account}:`);
    this.api = new Api(options, this.memory);
    this.sections = options.sections;
  }

  start(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    watchPages(() => this.page());
    for (const name of ["pointerdown", "keydown", "scroll"])
      addEventListener(name, () => (this.activeAt = Date.now()), { passive: true, capture: true });
    document.addEventListener("visibilitychange", () => {
      this.activeAt = Date.now();
      if (isSeen()) this.soon();
    });
    addEventListener("pageshow", (event) => event.persisted && this.page()); // back to a page that was kept as it was
    this.page(this.sections);
  }

  // What the page tells

  /** The visitor is on a page, in these sections: by default those that the script tag names. */
  page(sections: unknown = this.options.sections): void {
    this.sections = (Array.isArray(sections) ? sections : [sections]).map(String);
    this.isNewPage = true;
    this.activeAt = Date.now();
    this.failures = 0;
    this.withdraw();
    this.soon();
  }

  report(attributes: unknown[]): void {
    this.attributes.push(...attributes.filter(isFields));
    this.attributes.splice(0, this.attributes.length - MOST_ATTRIBUTES);
    this.hurry();
  }

  identify(identity: unknown): void {
    this.identity = isFields(identity) ? identity : null;
    this.hurry();
  }

  speak(language: unknown): void {
    this.options.language = String(language);
  }

  // Asking

  private soon(milliseconds = SETTLE_MS): void {
    clearTimeout(this.timer);
    if (this.isStarted) this.timer = setTimeout(() => void this.ask(), milliseconds);
  }

  /** Ask at once, unless the server has failed and is to be left alone for a while. */
  private hurry(): void {
    if (!this.failures || this.failures > RETRIES.length) this.soon();
  }

  private async ask(): Promise<void> {
    if (this.isAsking) {
      this.isWanted = true;
      return;
    }
    if (!this.hasNews && (!isSeen() || Date.now() - this.activeAt > IDLE_MS)) return this.soon(AGAIN_MS);
    const { isNewPage, attributes } = this;
    this.isAsking = true;
    this.isWanted = this.isNewPage = false;
    this.attributes = [];
    let answer: Answer | null = null;
    let wait = this.isTalking ? NEVER : AGAIN_MS;
    try {
      const [found, isNewSession] = await this.api.ask(this.body(isNewPage, attributes));
      answer = found;
      this.failures = 0;
      this.pageId = found.pageId;
      this.isNewPage ||= isNewSession && !isNewPage; // the new session knows nothing of the page yet
      if (this.hasNews) wait = SETTLE_MS;
    } catch (error) {
      wait = this.failed(error, isNewPage, attributes);
    }
    this.isAsking = false;
    if (this.isWanted) wait = SETTLE_MS;
    if (wait !== NEVER) this.soon(wait);
    if (answer) await this.consider(answer);
  }

  private get hasNews(): boolean {
    return this.isNewPage || this.attributes.length > 0;
  }

  private body(isNewPage: boolean, told: Fields[]): Fields {
    const { server, account } = this.options;
    const consumer = consumerOf(server, account);
    const identities: Fields[] = this.identity ? [this.identity] : [];
    if (consumer) identities.push({ iss: `${server}/api/account/${account}`, acr: "0", sub: consumer });
    return {
      ...(identities.length && { identities }),
      ...(isNewPage ? this.place() : { pageId: this.pageId }),
      ...(told.length && { engagementAttributes: told }),
    };
  }

  private place(): Fields {
    const sections = this.sections.slice(0, MOST_SECTIONS).map((name) => `sec://${name}`);
    return {
      entryPoints: [pageAddress(), ...sections],
      pageTitle: document.title.slice(0, LONGEST_TITLE),
      ...(document.referrer && { referrer: document.referrer.slice(0, LONGEST) }),
    };
  }

  /** What a failure means for what was told; the milliseconds after which to ask again. */
  private failed(error: unknown, isNewPage: boolean, told: Fields[]): number {
    if (error instanceof Refused) {
      console.warn("switchbay:", error.message);
      if (!told.length) return this.hasNews ? SETTLE_MS : NEVER;
      this.isNewPage ||= isNewPage;
      return SETTLE_MS; // without what may be wrong
    }
    this.isNewPage ||= isNewPage;
    this.attributes.unshift(...told);
    const seconds = RETRIES[this.failures++];
    return seconds ? seconds * 1000 : NEVER;
  }

  // Offering

  private async consider({ engagementDetails, visitorId, sessionId }: Answer): Promise<void> {
    const details = engagementDetails?.[0];
    if (!details || this.isNewPage) return;
    if (details.status === "conversation") return this.goOn(details);
    const key = `${sessionId} ${details.engagementId} ${details.contextId}`;
    if (this.offered || this.isTalking || this.done === key || this.memory.get(CLOSED) === key) return;
    this.offered = key;
    const design = await this.api.design(details).catch(() => null);
    if (this.offered !== key) return; // the visitor is on another page by now
    if (!design) {
      this.offered = ""; // it was changed meanwhile: the next answer has the new revision
      return;
    }
    const origin = {
      campaign: String(details.campaignId),
      engagement: String(details.engagementId),
      visitor: visitorId,
      session: sessionId,
      context: details.contextId ?? "",
    };
    const language = design.language ?? this.options.language;
    const offer = new Offer(design.presentation ?? PLAIN, language, {
      accept: () => {
        this.take(details, "impAccept", key);
        this.isTalking = true;
        openMessenger(this.options, language, design.window, origin);
      },
      dismiss: () => {
        this.memory.set(CLOSED, key); // the next page may ask before the server has heard of it
        this.take(details, "impClose", key);
      },
    });
    this.delay = setTimeout(() => this.show(offer, details), (design.presentation?.delaySeconds ?? 0) * 1000);
  }

  private show(offer: Offer, details: Details): void {
    if (!isSeen() || !offer.show()) {
      this.offered = ""; // somebody may look, or its container may come, later
      return;
    }
    this.offer = offer;
    this.tell(details, "impDisplay");
  }

  private take(details: Details, type: string, key: string): void {
    this.done = key;
    this.tell(details, type);
    this.withdraw();
  }

  private withdraw(): void {
    clearTimeout(this.delay);
    this.offer?.hide();
    this.offer = null;
    this.offered = "";
  }

  private tell({ campaignId, engagementId, engagementRevision, contextId }: Details, type: string): void {
    const attribute: Fields = {
      type,
      campaign: campaignId,
      engId: engagementId,
      revision: engagementRevision,
      eContext: [{ type: "engagementContext", id: contextId ?? "" }],
    };
    void persist(() => this.api.report(attribute));
  }

  /** The visitor is in a conversation: what it goes on in stands ready, and nothing is offered. */
  private async goOn(details: Details): Promise<void> {
    this.withdraw();
    this.isTalking = true;
    if (messenger()) return;
    const design = details.engagementRevision ? await this.api.design(details).catch(() => null) : null;
    openMessenger(this.options, design?.language ?? this.options.language, design?.window ?? null, null);
  }
}
