// What the page's script tag says.

export interface Options {
  server: string;
  account: string;
  app: string;
  language: string;
  sections: string[];
  waits: boolean;
  nonce: string;
}

export function readOptions(script: HTMLScriptElement): Options | null {
  const { account = "", app = "", lang, section, server, wait } = script.dataset;
  const origin = server ?? new URL(script.src, location.href).origin;
  if (!/^\w{1,20}$/.test(account) || !app || !/^https?:\/\//.test(origin)) {
    console.error("switchbay: data-account and data-app name the account and the app");
    return null;
  }
  return {
    server: origin.replace(/\/$/, ""),
    account,
    app,
    language: lang ?? (document.documentElement.lang || navigator.language || "en"),
    sections: names(section ?? ""),
    waits: wait !== undefined,
    nonce: script.nonce,
  };
}

const names = (text: string): string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
