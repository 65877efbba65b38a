// Who the visitor is: a token that the server signs, kept so that a later visit is the same consumer.

import type { Storage } from "./storage";
import { isFields, text } from "./wire";

const TOKEN = "token";
const EARLY_SECONDS = 60;

export class Refused extends Error {}

export class Identity {
  constructor(
    private readonly server: string,
    private readonly account: string,
    private readonly storage: Storage,
  ) {}

  /** The consumer's id, if the visitor has signed up. */
  get me(): string | null {
    return text(claims(this.storage.get(TOKEN) ?? "").sub) || null;
  }

  /** A token that is good now: the kept one, or a fresh one for the same consumer, or one for a new consumer. */
  async token(): Promise<string> {
    const kept = this.storage.get(TOKEN);
    const { exp, iat } = claims(kept ?? "");
    const now = Date.now() / 1000;
    if (kept && typeof exp === "number" && typeof iat === "number") {
      if (now < (exp + iat) / 2) return kept;
      const renewed = await this.signUp(kept).catch((error: unknown) => {
        if (now < exp - EARLY_SECONDS) return kept; // it is good for a while yet
        throw error;
      });
      if (renewed) return renewed;
    }
    return (await this.signUp(null)) ?? "";
  }

  /** The socket did not take the token: prove it anew, and be somebody new if the server knows it no more. */
  async renew(): Promise<void> {
    const kept = this.storage.get(TOKEN);
    if (kept && !(await this.signUp(kept))) this.storage.remove(TOKEN);
  }

  private async signUp(previous: string | null): Promise<string | null> {
    const answer = await fetch(`${this.server}/api/account/${encodeURIComponent(this.account)}/signup`, {
      method: "POST",
      headers: { "Content-Type": "text/plain" }, // so that the browser need not ask beforehand
      body: JSON.stringify(previous ? { jwt: previous } : {}),
      credentials: "omit",
      mode: "cors",
    });
    if (answer.status === 401 && previous) return null;
    if (answer.status === 403 || answer.status === 404) throw new Refused();
    if (!answer.ok) throw new Error(`sign-up: ${answer.status}`);
    const body: unknown = await answer.json();
    const token = isFields(body) ? text(body.jwt) : "";
    if (!token) throw new Error("sign-up: no token");
    this.storage.set(TOKEN, token);
    return token;
  }
}

function claims(token: string): { sub?: unknown; exp?: unknown; iat?: unknown } {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const value: unknown = JSON.parse(atob(payload));
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}
