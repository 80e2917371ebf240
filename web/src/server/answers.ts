import { keepPreviousData, QueryClient, type UseQueryResult, useQuery } from "@tanstack/react-query";
import type { ServiceColours, Status } from "../../../src/api/contract/shapes.ts";
import { noteServerTime } from "../state/moment.ts";
import { type Parameters, useAddress } from "../state/question.ts";
import { AskFailure, ask } from "./ask.ts";

/** Worth asking again by itself: the server said later, or did not answer at all. */
function passing(error: unknown): boolean {
  return (
    error instanceof AskFailure &&
    (error.problem.status === 429 || error.problem.status === 503 || error.problem.status === 0)
  );
}

export function openQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        gcTime: 120_000,
        refetchOnWindowFocus: false,
        retry: (count, error) => passing(error) && count < 4,
        retryDelay: (count, error) =>
          error instanceof AskFailure && error.problem.retryAfterSeconds !== undefined
            ? error.problem.retryAfterSeconds * 1000
            : Math.min(500 * 2 ** count, 8000),
      },
    },
  });
}

export interface AnswerOptions {
  readonly enabled?: boolean;
  readonly refreshMs?: number;
  /** The last answer stays until the next is there, unless the question is a different one altogether. */
  readonly keep?: boolean;
  readonly staleMs?: number;
}

/** One GET of the API as a query. The request is cancelled when nobody waits for it any more. */
export function useAnswer<T>(
  path: string,
  parameters: Parameters = {},
  options: AnswerOptions = {},
): UseQueryResult<T, Error> {
  const { tenant } = useAddress();
  return useQuery<T, Error>({
    queryKey: [tenant ?? "", path, parameters],
    queryFn: ({ signal }) => ask<T>(path, parameters, { tenant, signal }),
    enabled: options.enabled ?? true,
    ...(options.refreshMs === undefined ? {} : { refetchInterval: options.refreshMs }),
    ...(options.staleMs === undefined ? {} : { staleTime: options.staleMs }),
    ...(options.keep === false ? {} : { placeholderData: keepPreviousData }),
  });
}

export function useStatus(): UseQueryResult<Status, Error> {
  const { tenant } = useAddress();
  return useQuery<Status, Error>({
    queryKey: [tenant ?? "", "/status"],
    queryFn: async ({ signal }) => {
      const status = await ask<Status>("/status", {}, { tenant, signal });
      noteServerTime(status.nowMs);
      return status;
    },
    refetchInterval: 5000,
    staleTime: 2000,
    retry: 0,
  });
}

export function useServiceSlots(): ServiceColours["slots"] {
  return useAnswer<ServiceColours>("/service-colours", {}, { staleMs: 60_000, refreshMs: 60_000 }).data?.slots ?? {};
}
