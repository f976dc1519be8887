/** Hands bytes that the page has to the browser as a download. */
export function saveFile(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  followLink(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** As a click on a link that downloads. */
export function followLink(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}
