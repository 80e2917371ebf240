/** Does the operation of a blocking call. Plain data in and out. */
export type Perform = (operation: unknown, signal: AbortSignal | undefined) => unknown;

interface Performer {
  readonly perform: Perform;
  /** The module that registers it when it is evaluated, for the helper thread. */
  readonly moduleUrl: string;
}

const performers = new Map<string, Performer>();

export function register(name: string, perform: Perform, moduleUrl: string): void {
  performers.set(name, { perform, moduleUrl });
}

export function performerOf(name: string): Performer {
  const performer = performers.get(name);
  if (performer === undefined) throw new Error(`No blocking call is named ${name}.`);
  return performer;
}
