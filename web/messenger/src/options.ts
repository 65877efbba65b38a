// What the page's script tag asks for.

import { stringsFor, type Key, type Strings } from "./strings";

const RIGHT_TO_LEFT = /^(ar|arc|ckb|dv|fa|he|iw|ku|ps|sd|syr|ug|ur|yi)\b/i;

/** The offer of a campaign that the visitor took up: what the conversation is to say of where it began. */
export interface Origin {
  campaign: string;
  engagement: string;
  visitor: string;
  session: string;
  context: string;
}

export interface Options {
  account: string;
  server: string;
  skill: string;
  language: string;
  direction: "ltr" | "rtl";
  theme: "light" | "dark" | "auto";
  side: "start" | "end";
  color: string;
  onColor: string;
  isOpen: boolean;
  takesFocus: boolean;
  origin: Origin | null;
  hasFiles: boolean;
  strings: Strings;
}

export function readOptions(script: HTMLScriptElement): Options | null {
  const data = script.dataset;
  const account = data.account ?? "";
  const server = data.server ?? new URL(script.src, location.href).origin;
  if (!/^\w{1,20}$/.test(account) || !/^https?:\/\//.test(server)) {
    console.error("switchbay messenger: data-account names the account");
    return null;
  }
  const language = data.lang ?? (document.documentElement.lang || navigator.language || "en");
  const inherited = data.lang ? "" : document.documentElement.dir;
  const direction = data.dir ?? (inherited || (RIGHT_TO_LEFT.test(language) ? "rtl" : "ltr"));
  const own = (key: Key): string | null =>
    script.getAttribute(`data-text-${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  return {
    account,
    server: server.replace(/\/$/, ""),
    skill: data.skill ?? "",
    language,
    direction: direction === "rtl" ? "rtl" : "ltr",
    theme: data.theme === "light" || data.theme === "dark" ? data.theme : "auto",
    side: data.side === "start" ? "start" : "end",
    color: color(data.color),
    onColor: color(data.onColor),
    isOpen: "open" in data,
    takesFocus: data.open === "focus",
    origin: readOrigin(data),
    hasFiles: data.files !== "off",
    strings: stringsFor(language, own),
  };
}

export function readOrigin(data: { [name: string]: string | undefined }): Origin | null {
  const { campaign, engagement, visitor, session, context } = data;
  return campaign && engagement && visitor && session && context ? { campaign, engagement, visitor, session, context } : null;
}

const color = (given = ""): string => (/^#[0-9a-f]{6}$/i.test(given) ? given : "");
