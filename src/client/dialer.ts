import { connect, isIP, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { expandAddresses } from "./address-range.ts";
import type { HttpClientSettings } from "./client-settings.ts";
import { classify, ExchangeError, FAILURE_CODE } from "./failure-code.ts";
import type { Flight, Peer } from "./flight.ts";
import type { Origin } from "./request-target.ts";
import { type Lookup, longestMatch, Resolver } from "./resolver.ts";
import { goSuite, k6TlsVersion, nodeTlsVersion, opensslCiphers } from "./tls-names.ts";

export interface Dialed {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly isHttp2: boolean;
  /** Who is to be given what arrives; bytes are valid during the call only. Bytes before it is set are lost, so set it at once. */
  onBytes: (bytes: Buffer, end: number) => void;
}

/**
 * All plain connections read into one buffer: a read and the handling of what it brought are one uninterrupted turn, and what
 * is kept is copied out of it.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/** Opens connections: names to addresses, TCP, TLS; measures each into the flight that wants the connection. */
export class Dialer {
  readonly #settings: HttpClientSettings;
  readonly #resolver: Resolver;
  readonly #localAddresses: readonly string[];
  readonly #contexts = new Map<string, SecureContext>();

  /** Throws plain errors about settings that make no sense. */
  constructor(settings: HttpClientSettings, lookup?: Lookup) {
    this.#settings = settings;
    this.#resolver = new Resolver(settings, lookup);
    this.#localAddresses = expandAddresses(settings.localAddresses);
    for (const { domains } of settings.clientCertificates) this.#context(domains[0] ?? "");
    this.#context("");
  }

  /** Rejects with ExchangeError. Ends early, with the socket destroyed, when `isGivenUp` calls back. */
  async dial(flight: Flight, onGiveUp: (listener: () => void) => void): Promise<Dialed> {
    const { origin } = flight.target;
    let isGivenUp = false;
    let socket: Socket | undefined;
    onGiveUp(() => {
      isGivenUp = true;
      socket?.destroy();
    });
    let phase: "dial" | "tls" = "dial";
    try {
      const beforeMs = performance.now();
      const { ip, port } = await this.#resolver.resolve(origin.host, origin.port);
      const resolvedMs = performance.now();
      flight.lookingUp = resolvedMs - beforeMs;
      if (isGivenUp) throw new ExchangeError(FAILURE_CODE.other, "context canceled");
      const dialed: Dialed & { socket: Socket } = {
        socket: undefined as unknown as Socket,
        peer: { remoteIp: ip, remotePort: port, tlsVersion: "", tlsCipherSuite: "" },
        isHttp2: false,
        onBytes: () => undefined,
      };
      const onread: OnReadOpts | undefined = origin.isSecure
        ? undefined
        : {
            buffer: READ_BUFFER,
            callback: (end, bytes) => {
              dialed.onBytes(bytes as Buffer, end);
              return true;
            },
          };
      const localAddress = this.#localAddress(flight.pool);
      socket = connect({
        host: ip,
        port,
        noDelay: true,
        ...(onread === undefined ? {} : { onread }),
        ...(localAddress === undefined ? {} : { localAddress }),
      });
      await this.#connected(socket);
      const connectedMs = performance.now();
      flight.connecting = connectedMs - resolvedMs;
      dialed.socket = socket;
      if (!origin.isSecure) return dialed;
      phase = "tls";
      const secure = await this.#secure(socket, origin);
      socket = secure;
      flight.tlsHandshaking = performance.now() - connectedMs;
      const cipher = secure.getCipher();
      const result = {
        socket: secure,
        isHttp2: secure.alpnProtocol === "h2",
        peer: {
          remoteIp: ip,
          remotePort: port,
          tlsVersion: k6TlsVersion(secure.getProtocol()),
          tlsCipherSuite: goSuite(cipher.standardName),
        },
        onBytes: dialed.onBytes,
      };
      if (!result.isHttp2) secure.on("data", (bytes: Buffer) => result.onBytes(bytes, bytes.length));
      return result;
    } catch (error) {
      socket?.destroy();
      throw classify(error, phase);
    }
  }

  #localAddress(pool: number): string | undefined {
    const all = this.#localAddresses;
    return all.length === 0 ? undefined : all[pool % all.length];
  }

  #connected(socket: Socket): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => socket.destroy(new ExchangeError(FAILURE_CODE.dialTimeout, "dial: i/o timeout")),
        this.#settings.connectTimeoutMs,
      );
      const settle = (then: () => void) => {
        clearTimeout(timer);
        socket.off("connect", onConnect);
        socket.off("error", onError);
        socket.off("close", onClose);
        then();
      };
      const onConnect = () => settle(resolve);
      const onError = (error: Error) => settle(() => reject(error));
      const onClose = () => settle(() => reject(new ExchangeError(FAILURE_CODE.other, "context canceled")));
      socket.on("connect", onConnect);
      socket.on("error", onError);
      socket.on("close", onClose);
    });
  }

  #secure(raw: Socket, origin: Origin): Promise<TLSSocket> {
    const { insecureSkipVerify, http2, clientCertificates } = this.#settings;
    const domain = longestMatch(
      clientCertificates.flatMap(({ domains }) => domains),
      origin.host,
    );
    return new Promise((resolve, reject) => {
      const secure = connectTls({
        socket: raw,
        host: origin.host,
        secureContext: this.#context(domain ?? ""),
        rejectUnauthorized: !insecureSkipVerify,
        ALPNProtocols: http2 ? ["h2", "http/1.1"] : ["http/1.1"],
        ...(isIP(origin.host) === 0 ? { servername: origin.host } : {}),
      });
      const settle = (then: () => void) => {
        secure.off("secureConnect", onSecure);
        secure.off("error", onError);
        secure.off("close", onClose);
        then();
      };
      const onSecure = () => settle(() => resolve(secure));
      const onError = (error: Error) => settle(() => reject(error));
      const onClose = () => settle(() => reject(new ExchangeError(FAILURE_CODE.other, "EOF")));
      secure.on("secureConnect", onSecure);
      secure.on("error", onError);
      secure.on("close", onClose);
    });
  }

  /** One context for each client certificate that hosts may ask for, made once: it costs more than a connection. */
  #context(domain: string): SecureContext {
    const known = this.#contexts.get(domain);
    if (known !== undefined) return known;
    const { tlsMin, tlsMax, cipherSuites, clientCertificates, authorities } = this.#settings;
    const certificate = clientCertificates.find(({ domains }) =>
      domain === "" ? domains.length === 0 : domains.includes(domain),
    );
    const context = createSecureContext({
      ...(tlsMin === undefined || tlsMin === "" ? {} : { minVersion: nodeTlsVersion(tlsMin) }),
      ...(tlsMax === undefined || tlsMax === "" ? {} : { maxVersion: nodeTlsVersion(tlsMax) }),
      ...(cipherSuites.length === 0 ? {} : { ciphers: opensslCiphers(cipherSuites) }),
      ...(authorities === undefined ? {} : { ca: [...authorities] }),
      ...(certificate === undefined
        ? {}
        : {
            cert: certificate.certificate,
            key: certificate.key,
            ...(certificate.passphrase === undefined ? {} : { passphrase: certificate.passphrase }),
          }),
    });
    this.#contexts.set(domain, context);
    return context;
  }
}
