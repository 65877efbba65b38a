// What the tag says by itself, and which of the designed texts a visitor reads.

import type { Texts } from "./wire";

interface Words {
  offer: string;
  label: string;
  dismiss: string;
}

const WORDS: { [language: string]: Words } = {
  en: { offer: "Offer", label: "Chat with us", dismiss: "Dismiss" },
  de: { offer: "Angebot", label: "Chatten Sie mit uns", dismiss: "Schließen" },
  es: { offer: "Oferta", label: "Chatea con nosotros", dismiss: "Cerrar" },
  fr: { offer: "Offre", label: "Discutez avec nous", dismiss: "Fermer" },
};
const RIGHT_TO_LEFT = /^(ar|arc|ckb|dv|fa|he|iw|ku|ps|sd|syr|ug|ur|yi)\b/i;

const plain = (language: string): string => language.toLowerCase().replace(/_/g, "-");
const main = (language: string): string => plain(language).split("-")[0] ?? "";

export const wordsFor = (language: string): Words => WORDS[main(language)] ?? (WORDS.en as Words);

export const directionOf = (language: string): "ltr" | "rtl" => (RIGHT_TO_LEFT.test(language) ? "rtl" : "ltr");

/** The text in a language: in just this one, in another form of it, in any ("" is for all others), or "". */
export function pick(texts: Texts | null | undefined, language: string): string {
  const found = Object.entries(texts ?? {});
  const best =
    found.find(([name]) => plain(name) === plain(language)) ??
    found.find(([name]) => name && main(name) === main(language)) ??
    found.find(([name]) => !name) ??
    found[0];
  return best?.[1] ?? "";
}
