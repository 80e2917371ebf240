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
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the name keeps the place, not the value.
  return new HttpUrl(made, strings.join("${}"));
}

/** User and password, which a URL may hold, are shown by neither tags nor logs. */
export function withoutSecrets(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/?#@]*@/i, "$1****:****@");
}
