/** A URL with a name of its own for tags: what the http.url template makes. */
export class HttpUrl {
  readonly url: string;
  readonly name: string;

  constructor(url: string, name: string) {
    this.url = url;
    this.name = name;
  }

  toString(): string {
    return this.url;
  }
}

/** ``http.url`https://host/items/${id}` ``: the name keeps `${}` where values stand. */
export function url(strings: readonly string[], ...values: unknown[]): HttpUrl {
  let made = "";
  for (const [index, text] of strings.entries()) made += index < values.length ? text + String(values[index]) : text;
  return new HttpUrl(made, strings.join("${}"));
}

/** The first two names stand in front of an `@` only; tags and logs show neither. */
export function withoutSecrets(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/?#@]*@/i, "$1****:****@");
}
