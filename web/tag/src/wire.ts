// What goes over the Monitoring API and comes from the design endpoint, as far as the tag reads or writes it.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Fields = { [name: string]: Json };
export type Texts = { [language: string]: string };

export interface Details {
  status: "expose" | "conversation";
  campaignId: number;
  engagementId: number;
  engagementRevision: number;
  contextId?: string;
  conversationId?: string;
}

export interface Answer {
  visitorId: string;
  sessionId: string;
  pageId: string;
  engagementDetails?: Details[];
}

export interface Presentation {
  format: "button" | "banner";
  position: "bottom-right" | "bottom-left" | "top" | "bottom" | "embedded";
  container: string;
  titles: Texts;
  texts: Texts;
  labels: Texts;
  backgroundColor: string;
  textColor: string;
  delaySeconds: number;
}

export interface WindowDesign {
  titles: Texts;
  greetings: Texts;
  accentColor: string;
  textColor: string;
  corner: "bottom-right" | "bottom-left";
}

export interface Design {
  presentation: Presentation | null;
  window: WindowDesign | null;
  language: string | null;
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
