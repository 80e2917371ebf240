import { type ClientCertificate, DEFAULT_CLIENT_SETTINGS, type HttpClientSettings } from "#client/client-settings.ts";
import { HttpClient } from "#client/http-client.ts";
import type { Options } from "../../options.ts";
import { durationMs } from "./duration.ts";

/** Settings with a number, by which this thread and a helper thread each find the client that they opened for them. */
export interface ClientKey {
  readonly number: number;
  readonly settings: HttpClientSettings;
}

let lastNumber = 0;
const clients = new Map<number, HttpClient>();

/** Throws where the options make no sense together. */
export function clientKeyOf(options: Options): ClientKey {
  const key: ClientKey = { number: ++lastNumber, settings: clientSettings(options) };
  clientOf(key);
  return key;
}

export function clientOf(key: ClientKey): HttpClient {
  const known = clients.get(key.number);
  if (known !== undefined) return known;
  const client = new HttpClient(key.settings);
  clients.set(key.number, client);
  return client;
}

/** Ends the client's connections in this thread. */
export function closeClient(key: ClientKey): void {
  clients.get(key.number)?.close();
  clients.delete(key.number);
}

export function clientSettings(options: Options): HttpClientSettings {
  const { dns } = options;
  return {
    ...DEFAULT_CLIENT_SETTINGS,
    reuse: options.noConnectionReuse ? "none" : "own",
    insecureSkipVerify: options.insecureSkipTlsVerify,
    tlsMin: options.tlsVersion.min,
    tlsMax: options.tlsVersion.max,
    cipherSuites: options.tlsCipherSuites,
    clientCertificates: options.tlsAuth.map(
      (auth): ClientCertificate => ({
        domains: auth.domains,
        certificate: auth.cert,
        key: auth.key,
        passphrase: auth.password,
      }),
    ),
    dnsTtlMs: dns.ttl === "inf" ? Number.POSITIVE_INFINITY : (durationMs(dns.ttl === "" ? "5m" : dns.ttl) ?? 300_000),
    dnsSelect: oneOf(dns.select, ["first", "random", "roundRobin"], "random"),
    dnsPolicy: oneOf(dns.policy, ["preferIPv4", "preferIPv6", "onlyIPv4", "onlyIPv6", "any"], "preferIPv4"),
    hosts: Object.fromEntries(Object.entries(options.hosts).map(([host, address]) => [host.toLowerCase(), address])),
    blockedRanges: options.blacklistIPs,
    blockedHostnames: options.blockHostnames,
    localAddresses: options.localIPs,
  };
}

function oneOf<const T extends string>(text: string, known: readonly T[], otherwise: T): T {
  return known.find((one) => one.toLowerCase() === text.toLowerCase()) ?? otherwise;
}
