import {
  type InfiniteData,
  keepPreviousData,
  type UseInfiniteQueryResult,
  useInfiniteQuery,
} from "@tanstack/react-query";
import { type Parameters, useAddress } from "../state/question.ts";
import { ask } from "./ask.ts";

/** Rows a list may hold before it asks for a narrower question. */
export const MOST_ROWS = 100_000;

/** A list that is fetched page by page with the server's cursor. */
export function usePages<T extends { readonly next: string | null }>(
  path: string,
  parameters: Parameters,
  enabled = true,
): UseInfiniteQueryResult<InfiniteData<T>, Error> {
  const { tenant } = useAddress();
  return useInfiniteQuery({
    queryKey: [tenant ?? "", path, parameters, "pages"],
    queryFn: ({ signal, pageParam }) => ask<T>(path, { ...parameters, cursor: pageParam }, { tenant, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
    enabled,
  });
}
