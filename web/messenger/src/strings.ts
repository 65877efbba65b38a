// What the messenger says, by language. A page overrides single texts with data-text-… attributes.

const en = {
  title: "Messages",
  open: "Open messages",
  close: "Close messages",
  unread: "{n} unread",
  welcome: "Hello! How can we help you?",
  log: "Conversation",
  you: "You",
  agent: "Agent",
  compose: "Your message",
  send: "Send",
  attach: "Attach a file",
  typing: "The other side is typing …",
  connecting: "Connecting …",
  offline: "No connection. What you write is sent as soon as there is one.",
  refused: "The messenger is not available on this page.",
  sending: "Sending …",
  sent: "Sent",
  delivered: "Delivered",
  read: "Read",
  failed: "Not sent",
  retry: "Try again",
  discard: "Remove",
  uploading: "Uploading, {n} %",
  file: "File",
  download: "Open {name}",
  image: "Picture",
  ended: "The conversation has ended.",
  survey: "A few questions about this conversation",
  end: "End conversation",
  endSure: "End it?",
  yes: "Yes",
  no: "No",
  rate: "How did we do?",
  star: "{n} of 5",
  solved: "Was your question answered?",
  rateSend: "Send rating",
  rateSkip: "No, thanks",
  previous: "Previous",
  next: "Next",
  cards: "Cards",
  replies: "Suggested answers",
  map: "Show on a map",
};

export type Key = keyof typeof en;
export type Strings = Record<Key, string>;

const de: Strings = {
  title: "Nachrichten",
  open: "Nachrichten öffnen",
  close: "Nachrichten schließen",
  unread: "{n} ungelesen",
  welcome: "Hallo! Wie können wir Ihnen helfen?",
  log: "Gespräch",
  you: "Sie",
  agent: "Mitarbeiter",
  compose: "Ihre Nachricht",
  send: "Senden",
  attach: "Datei anhängen",
  typing: "Die Gegenseite schreibt …",
  connecting: "Verbindung wird hergestellt …",
  offline: "Keine Verbindung. Was Sie schreiben, wird gesendet, sobald es wieder eine gibt.",
  refused: "Auf dieser Seite gibt es keine Nachrichten.",
  sending: "Wird gesendet …",
  sent: "Gesendet",
  delivered: "Zugestellt",
  read: "Gelesen",
  failed: "Nicht gesendet",
  retry: "Noch einmal",
  discard: "Entfernen",
  uploading: "Wird hochgeladen, {n} %",
  file: "Datei",
  download: "{name} öffnen",
  image: "Bild",
  ended: "Das Gespräch ist beendet.",
  survey: "Einige Fragen zu diesem Gespräch",
  end: "Gespräch beenden",
  endSure: "Beenden?",
  yes: "Ja",
  no: "Nein",
  rate: "Wie zufrieden waren Sie?",
  star: "{n} von 5",
  solved: "Ist Ihre Frage beantwortet?",
  rateSend: "Bewertung senden",
  rateSkip: "Nein, danke",
  previous: "Zurück",
  next: "Weiter",
  cards: "Karten",
  replies: "Vorgeschlagene Antworten",
  map: "Auf einer Karte zeigen",
};

const languages: { [language: string]: Strings } = { en, de };

export function stringsFor(language: string, own: (key: Key) => string | null): Strings {
  const base = languages[language.toLowerCase().split("-")[0] ?? ""] ?? en;
  const chosen = { ...base };
  for (const key of Object.keys(en) as Key[]) chosen[key] = own(key) ?? chosen[key];
  return chosen;
}

export const fill = (pattern: string, value: string | number): string => pattern.replace(/\{n(ame)?\}/, () => String(value));
