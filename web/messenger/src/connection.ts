// One connection to the consumer's socket, made again whenever it is lost, less and less often while nobody answers.

import { Refused, type Identity } from "./identity";
import { parse, uuid, type Fields, type Json } from "./wire";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const ANSWER_MS = 15_000;
const KEEP_ALIVE_MS = 30_000;
const UNAUTHENTICATED = 401;
const CLIENT_PROPERTIES: Fields = {
  type: ".ams.headers.ClientProperties",
  integration: "WEB_SDK",
  features: ["RICH_CONTENT", "PHOTO_SHARING"],
};

/** The server answered that it will not do this. */
export class Refusal extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    return this.code >= 500 || this.code === 429 || this.code === UNAUTHENTICATED;
  }
}

/** The connection ended before an answer came: the request may or may not have been done. */
export class Lost extends Error {}

export interface Listener {
  /** Connected and known to the server. */
  connected(): void;
  disconnected(): void;
  /** The account does not take visitors of this page. */
  refused(): void;
  notified(type: string, body: Json): void;
}

interface Waiting {
  resolve(body: Json): void;
  reject(error: Error): void;
  timer: number;
}

export class Connection {
  isReady = false;
  private socket: WebSocket | null = null;
  private readonly waiting = new Map<string, Waiting>();
  private pause = FIRST_PAUSE_MS;
  private retry = 0;
  private beat = 0;
  private wanted = false;
  private connecting = false;

  constructor(
    private readonly url: string,
    private readonly identity: Identity,
    private readonly listener: Listener,
  ) {
    addEventListener("online", () => this.hurry());
    addEventListener("offline", () => this.lose());
    addEventListener("pageshow", () => this.hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.hurry();
    });
  }

  /** Connect, and stay connected from now on. */
  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    void this.connect();
  }

  /** Try now rather than after the pause. */
  hurry(): void {
    if (!this.wanted || this.socket || this.connecting) return;
    this.pause = FIRST_PAUSE_MS;
    void this.connect();
  }

  /** Ask the server; `key` makes a repetition of the same request harmless. */
  async request(type: string, body: Json, options: { key?: string; metadata?: Json[] } = {}): Promise<Json> {
    if (!this.isReady) throw new Lost();
    const headers: Json[] = options.key ? [{ type: ".switchbay.headers.IdempotencyKey", key: options.key }] : [];
    return this.send(type, { body, ...(headers.length && { headers }), ...(options.metadata && { metadata: options.metadata }) });
  }

  private send(type: string, more: Fields): Promise<Json> {
    const socket = this.socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) return Promise.reject(new Lost());
    const id = uuid();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.lose(), ANSWER_MS); // whoever does not answer is not there
      this.waiting.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ kind: "req", id, type, ...more }));
    });
  }

  private async connect(): Promise<void> {
    if (this.connecting || this.socket) return;
    clearTimeout(this.retry);
    this.connecting = true;
    try {
      const token = await this.identity.token();
      this.open(token);
    } catch (error) {
      if (error instanceof Refused) {
        this.wanted = false;
        this.listener.refused();
      } else {
        this.listener.disconnected();
        this.later();
      }
    } finally {
      this.connecting = false;
    }
  }

  private open(token: string): void {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    const opening = setTimeout(() => this.lose(), ANSWER_MS);
    socket.onopen = () => {
      clearTimeout(opening);
      const proof: Fields = { type: ".ams.headers.ConsumerAuthentication", jwt: token };
      this.send("InitConnection", { headers: [CLIENT_PROPERTIES, proof] }).then(
        () => this.greeted(),
        (error: unknown) => {
          if (error instanceof Refusal && error.code === UNAUTHENTICATED) void this.renew();
          this.lose();
        },
      );
    };
    socket.onmessage = (message) => {
      if (socket === this.socket) this.read(message.data);
    };
    socket.onclose = () => {
      clearTimeout(opening);
      if (socket === this.socket) this.lose();
    };
  }

  private async renew(): Promise<void> {
    await this.identity.renew().catch(() => undefined);
  }

  private greeted(): void {
    this.isReady = true;
    this.pause = FIRST_PAUSE_MS;
    this.beat = setInterval(() => void this.send("GetClock", { body: {} }).catch(() => undefined), KEEP_ALIVE_MS);
    this.listener.connected();
  }

  private read(data: unknown): void {
    const message = parse(data);
    if (message?.kind === "notification") {
      this.listener.notified(String(message.type), message.body ?? null);
      return;
    }
    if (message?.kind !== "resp") return;
    const id = String(message.reqId);
    const asked = this.waiting.get(id);
    if (!asked) return;
    this.waiting.delete(id);
    clearTimeout(asked.timer);
    const code = typeof message.code === "number" ? message.code : 200;
    if (code > 399) asked.reject(new Refusal(code, JSON.stringify(message.body ?? "")));
    else asked.resolve(message.body ?? null);
  }

  private lose(): void {
    const socket = this.socket;
    if (!socket) return;
    this.socket = null;
    this.isReady = false;
    clearInterval(this.beat);
    socket.onmessage = socket.onclose = null;
    socket.close();
    const lost = [...this.waiting.values()];
    this.waiting.clear();
    for (const one of lost) {
      clearTimeout(one.timer);
      one.reject(new Lost());
    }
    this.listener.disconnected();
    this.later();
  }

  private later(): void {
    clearTimeout(this.retry);
    if (!this.wanted) return;
    const wait = this.pause * (0.5 + Math.random() / 2); // not all visitors at the same moment
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    this.retry = setTimeout(() => void this.connect(), wait);
  }
}
