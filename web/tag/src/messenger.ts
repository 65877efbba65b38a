// Opening the web messenger, with the offer that the conversation begins from.

import { readable } from "./color";
import type { Options } from "./options";
import type { WindowDesign } from "./wire";
import { directionOf, pick } from "./words";

export interface Origin {
  campaign: string;
  engagement: string;
  visitor: string;
  session: string;
  context: string;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL: (url: string) => string };
}

export const messenger = (): Element | null => document.querySelector(".switchbay-messenger");

let isLoading = false;

/** Load the messenger, or open the one that the page has. Without an origin it only stands ready. */
export function openMessenger(options: Options, language: string, design: WindowDesign | null, origin: Origin | null): void {
  const there = messenger();
  if (there || isLoading) {
    if (there && origin) there.dispatchEvent(new CustomEvent("switchbay-open", { detail: origin }));
    return;
  }
  isLoading = true;
  const script = document.createElement("script");
  const data: { [name: string]: string } = { account: options.account, server: options.server, lang: language };
  if (origin) Object.assign(data, origin, { open: "focus" });
  if (design) {
    const [color, textColor] = readable(design.accentColor, design.textColor);
    const isRight = design.corner !== "bottom-left";
    const side = isRight === (directionOf(language) === "ltr") ? "end" : "start";
    Object.assign(data, { color, onColor: textColor, side });
    const [title, welcome] = [pick(design.titles, language), pick(design.greetings, language)];
    if (title) data.textTitle = title;
    if (welcome) data.textWelcome = welcome;
  }
  Object.assign(script.dataset, data);
  script.async = true;
  if (options.nonce) script.nonce = options.nonce;
  script.onerror = () => (isLoading = false);
  script.onload = () => (isLoading = false);
  script.src = trusted(`${options.server}/messenger/v1/messenger.js`);
  document.head.append(script);
}

/** The address in the form that pages with Trusted Types take. */
function trusted(url: string): string {
  const { trustedTypes } = window as unknown as { trustedTypes?: TrustedTypes };
  return trustedTypes ? trustedTypes.createPolicy("switchbay", { createScriptURL: (given) => given }).createScriptURL(url) : url;
}
