/** Header names in lower case, as node gives them for HTTP/1 and HTTP/2. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One header's value; a repeated one is joined as RFC 9110 section 5.3 reads it. */
export function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" || value === undefined ? value : value.join(", ");
}
