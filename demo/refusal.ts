/** A customer's mistake or misfortune, answered with a 4xx: part of every healthy day. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.reason = reason;
  }
}

/** Another part of the shop, or of the world, failed us: answered with a 5xx. */
export class Outage extends Error {
  readonly status: number;

  constructor(status: 500 | 502 | 503 | 504, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Outage";
    this.status = status;
  }
}
