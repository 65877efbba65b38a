// What goes over the consumer's socket, as far as the messenger reads or writes it.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Fields = { [name: string]: Json };

export interface Response {
  kind: "resp";
  reqId: string;
  code: number;
  body: Json;
}

export interface Notification {
  kind: "notification";
  type: string;
  body: Json;
}

export interface Dialog {
  dialogId: string;
  dialogType: string;
  state: string;
  creationTs: number;
}

export interface Conversation {
  convId: string;
  conversationDetails: {
    state: string;
    stage: string;
    startTs: number;
    dialogs: Dialog[];
    csat?: Fields;
  };
}

export interface MessagingEvent {
  sequence?: number;
  originatorId: string;
  originatorMetadata?: { role?: string };
  serverTimestamp?: number;
  event: Fields;
  conversationId?: string;
  dialogId: string;
  metadata?: Json[];
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const text = (value: unknown): string => (typeof value === "string" ? value : "");

export const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

export function parse(data: unknown): Fields | null {
  try {
    const value: unknown = JSON.parse(String(data));
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
