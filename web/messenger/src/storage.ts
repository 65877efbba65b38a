// The browser's memory of this account's visitor. Where it is switched off, memory of the page stands in.

export class Storage {
  private readonly fallback = new Map<string, string>();

  constructor(private readonly prefix: string) {}

  get(name: string): string | null {
    try {
      return localStorage.getItem(this.prefix + name);
    } catch {
      return this.fallback.get(name) ?? null;
    }
  }

  set(name: string, value: string): void {
    try {
      localStorage.setItem(this.prefix + name, value);
    } catch {
      this.fallback.set(name, value);
    }
  }

  remove(name: string): void {
    this.fallback.delete(name);
    try {
      localStorage.removeItem(this.prefix + name);
    } catch {
      // nothing is kept there
    }
  }

  names(start: string): string[] {
    const names = [...this.fallback.keys()];
    try {
      for (let at = 0; at < localStorage.length; at++) {
        const name = localStorage.key(at) ?? "";
        if (name.startsWith(this.prefix)) names.push(name.slice(this.prefix.length));
      }
    } catch {
      // nothing is kept there
    }
    return [...new Set(names)].filter((name) => name.startsWith(start));
  }
}
