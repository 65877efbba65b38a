// Putting a file where the server says, with progress, and a small picture of it for the conversation.

import { isFields, text, type Fields, type Json } from "./wire";

const LONGEST_PREVIEW = 30_000;
const PREVIEW_EDGES = [240, 160, 96];
const TYPES: { [mime: string]: string } = {
  "image/jpeg": "JPEG",
  "image/png": "PNG",
  "image/gif": "GIF",
  "application/pdf": "PDF",
  "text/plain": "TXT",
};

export function fileType(file: File): string {
  const extension = /\.([A-Za-z0-9]{1,8})$/.exec(file.name)?.[1] ?? "";
  return TYPES[file.type] ?? extension.toUpperCase();
}

/** The address of a stored file, from the answer to a request for one. */
export function address(server: string, answer: Json): string {
  const query = isFields(answer) && isFields(answer.queryParams) ? answer.queryParams : {};
  const path = isFields(answer) ? text(answer.relativePath) : "";
  const parameters = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  return `${server}${path.startsWith("/") ? "" : "/"}${path}?${parameters.toString()}`;
}

export function put(url: string, file: File, progress: (share: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () =>
      request.status >= 200 && request.status < 300 ? resolve() : reject(new Error(`upload: ${request.status}`));
    request.onerror = () => reject(new Error("upload: no connection"));
    request.send(file);
  });
}

/** A data URL of at most 30 KB that shows a picture, or nothing for what is none. */
export async function preview(file: File): Promise<string | null> {
  if (!file.type.startsWith("image/")) return null;
  try {
    const picture = await createImageBitmap(file);
    for (const edge of PREVIEW_EDGES) {
      const scale = Math.min(1, edge / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      const context = canvas.getContext("2d");
      if (!context) return null;
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(picture, 0, 0, canvas.width, canvas.height);
      const data = canvas.toDataURL("image/jpeg", 0.7);
      if (data.length <= LONGEST_PREVIEW) return data;
    }
  } catch {
    // a picture that the browser cannot read is sent without one
  }
  return null;
}

export function fileEvent(file: File, relativePath: string, small: string | null): Fields {
  const message: Fields = { caption: file.name, relativePath, fileType: fileType(file) };
  if (small) message.preview = small;
  return { type: "ContentEvent", contentType: "hosted/file", message };
}
