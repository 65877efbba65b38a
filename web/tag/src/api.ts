// The calls to the server. A refusal is final for what was asked; any other failure may pass.

import type { Memory } from "./memory";
import type { Options } from "./options";
import { isFields, type Answer, type Design, type Details, type Fields } from "./wire";

/** Seconds until a failed call is made again, each time it fails; then it is given up. */
export const RETRIES = [3, 10, 30, 90];
const IDS = ["vid", "sid"];
const UNKNOWN = 404;
const ACCEPTED = 202;
const CREATED = 201;
const TOO_MANY = 429;
const SERVER = 500;

export class Refused extends Error {}

export class Api {
  private readonly base: string;
  private readonly designs = new Map<string, Promise<Design>>();

  constructor(
    { server, account, app }: Options,
    private readonly memory: Memory,
  ) {
    this.base = `${server}/api/account/${account}/app/${encodeURIComponent(app)}`;
  }

  /** Ask for the offer; the second value says whether this began a session. */
  async ask(body: Fields): Promise<[Answer, boolean]> {
    const answer = await this.call("POST", "engagement", body);
    const found: unknown = await answer.json();
    if (!isFields(found)) throw new Error("not an answer");
    this.memory.set("vid", String(found.visitorId));
    this.memory.set("sid", String(found.sessionId));
    return [found as unknown as Answer, answer.status === CREATED];
  }

  /** Report what the visitor did with an offer. It arrives even if the page is left meanwhile. */
  async report(attribute: Fields): Promise<void> {
    await this.call("PUT", "report", { engagementAttributes: [attribute] });
  }

  /** How an engagement looks; what a revision looks like never changes. */
  design({ engagementId, engagementRevision }: Details): Promise<Design> {
    const path = `engagement/${engagementId}/${engagementRevision}/design`;
    const known = this.designs.get(path) ?? this.fetchDesign(path);
    this.designs.set(path, known);
    known.catch(() => this.designs.delete(path));
    return known;
  }

  private async fetchDesign(path: string): Promise<Design> {
    const answer = await fetch(`${this.base}/${path}`, { credentials: "omit", mode: "cors" });
    if (!answer.ok) throw new Error(`design: ${answer.status}`);
    return (await answer.json()) as Design;
  }

  private async call(method: string, name: string, body: Fields): Promise<Response> {
    const query = new URLSearchParams({ v: "1.1" });
    for (const id of IDS) {
      const value = this.memory.get(id);
      if (value) query.set(id, value);
    }
    const answer = await fetch(`${this.base}/${name}?${query}`, {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      mode: "cors",
      keepalive: method === "PUT", // browsers bound what may outlive a page
    });
    if (answer.status === UNKNOWN && query.has("vid")) {
      for (const id of IDS) this.memory.set(id, ""); // somebody has touched them: begin anew
      throw new Error(`${name}: ${answer.status}`);
    }
    if (answer.status === ACCEPTED || answer.status === TOO_MANY || answer.status >= SERVER)
      throw new Error(`${name}: ${answer.status}`);
    if (!answer.ok) throw new Refused(`${name}: ${answer.status} ${await answer.text().catch(() => "")}`);
    return answer;
  }
}

/** Do it until it succeeds or is refused, or there have been too many failures. */
export async function persist(work: () => Promise<unknown>): Promise<void> {
  for (const seconds of [...RETRIES, 0]) {
    try {
      await work();
      return;
    } catch (error) {
      if (error instanceof Refused || !seconds) return;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }
}
