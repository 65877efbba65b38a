// What the tag remembers from page to page: the visitor and the session, in the storage of the page's own site. Where
// that is switched off, memory of the page stands in: each page is then the visit of somebody new.

export class Memory {
  private readonly fallback = new Map<string, string>();

  constructor(private readonly prefix: string) {}

  get(name: string): string {
    try {
      return localStorage.getItem(this.prefix + name) ?? this.fallback.get(name) ?? "";
    } catch {
      return this.fallback.get(name) ?? "";
    }
  }

  set(name: string, value: string): void {
    this.fallback.set(name, value);
    try {
      localStorage.setItem(this.prefix + name, value);
    } catch {
      // the page's memory has it
    }
  }
}

/** The id of the consumer that the web messenger of the same account talks as, or "". */
export function consumerOf(server: string, account: string): string {
  try {
    const token = localStorage.getItem(`switchbay-messenger:${server}:${account}:token`) ?? "";
    const claims: unknown = JSON.parse(atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/")));
    const { sub } = claims as { sub?: unknown };
    return typeof sub === "string" ? sub : "";
  } catch {
    return "";
  }
}
