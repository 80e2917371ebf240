/** How a client connects: plain data, so that a helper thread can open the same client. */
export interface HttpClientSettings {
  /** Which connections a request may take: those of its own pool, anyone's, or none but a new one. */
  readonly reuse: "own" | "shared" | "none";
  readonly insecureSkipVerify: boolean;
  /** `tls1.0` to `tls1.3`. */
  readonly tlsMin: string | undefined;
  readonly tlsMax: string | undefined;
  /** By Go's (IANA) names, as k6 has them; empty: Node's own choice. */
  readonly cipherSuites: readonly string[];
  readonly clientCertificates: readonly ClientCertificate[];
  /** PEM; instead of the certificate authorities that come with Node. */
  readonly authorities?: readonly string[];
  /** Milliseconds; infinite: never asked again. */
  readonly dnsTtlMs: number;
  readonly dnsSelect: "first" | "random" | "roundRobin";
  readonly dnsPolicy: "preferIPv4" | "preferIPv6" | "onlyIPv4" | "onlyIPv6" | "any";
  /** Host, `host:port` or `*.host` to `address` or `address:port`. */
  readonly hosts: Readonly<Record<string, string>>;
  /** `10.0.0.0/8`, `::1`: connections to them are refused. */
  readonly blockedRanges: readonly string[];
  /** `example.com`, `*.example.com`: requests to them are refused. */
  readonly blockedHostnames: readonly string[];
  /** Addresses, ranges (`a-b`) or networks (`a/24`) to connect from, taken in turn by pool number. */
  readonly localAddresses: readonly string[];
  readonly connectTimeoutMs: number;
  /** What a response may weigh; more fails the exchange. A discarded body is not limited. */
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;
  readonly http2: boolean;
}

export interface ClientCertificate {
  /** Host names, `*.host` allowed; empty: every host. */
  readonly domains: readonly string[];
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly passphrase: string | undefined;
}

export const DEFAULT_CLIENT_SETTINGS: HttpClientSettings = {
  reuse: "own",
  insecureSkipVerify: false,
  tlsMin: undefined,
  tlsMax: undefined,
  cipherSuites: [],
  clientCertificates: [],
  dnsTtlMs: 300_000,
  dnsSelect: "random",
  dnsPolicy: "preferIPv4",
  hosts: {},
  blockedRanges: [],
  blockedHostnames: [],
  localAddresses: [],
  connectTimeoutMs: 30_000,
  maxHeadBytes: 1 << 20,
  maxBodyBytes: 1 << 29,
  http2: true,
};
