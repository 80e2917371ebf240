import {
  type UseMutationResult,
  type UseQueryResult,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import type { SavedDocument } from "../../../src/api/contract/shapes.ts";
import { useAddress } from "../state/question.ts";
import { ask } from "./ask.ts";

export type DocumentKind = SavedDocument["kind"];

/** One step of an investigation. Links are paths within this interface, with absolute times. */
export interface TrailStep {
  readonly id: string;
  readonly keptMs: number;
  readonly title: string;
  readonly href: string;
  readonly note: string;
}
export interface Trail {
  readonly steps: readonly TrailStep[];
}
/** What was too long for a link. */
export interface SavedView {
  readonly href: string;
}
export interface SavedQuery {
  readonly sql: string;
}

/** A new id; random, so that two browsers never meet. */
export function newId(): string {
  return crypto
    .getRandomValues(new Uint32Array(3))
    .reduce((text, part) => text + part.toString(36).padStart(7, "0"), "")
    .slice(0, 16);
}

export function useDocuments(kind: DocumentKind): UseQueryResult<readonly SavedDocument[], Error> {
  const { tenant } = useAddress();
  return useQuery({
    queryKey: [tenant ?? "", "documents", kind],
    queryFn: async ({ signal }) => {
      const answer = await ask<readonly SavedDocument[] | { readonly documents: readonly SavedDocument[] }>(
        `/documents/${kind}`,
        {},
        { tenant, signal },
      );
      return "documents" in answer ? answer.documents : answer;
    },
  });
}

export function useDocument(kind: DocumentKind, id: string | null): UseQueryResult<SavedDocument, Error> {
  const { tenant } = useAddress();
  return useQuery({
    queryKey: [tenant ?? "", "documents", kind, id],
    queryFn: ({ signal }) =>
      ask<SavedDocument>(`/documents/${kind}/${encodeURIComponent(id ?? "")}`, {}, { tenant, signal }),
    enabled: id !== null,
  });
}

export interface Saving {
  readonly kind: DocumentKind;
  readonly id: string;
  /** 0 for a new one. */
  readonly version: number;
  readonly name: string;
  readonly content: unknown;
}

/** Writes a document; refused with `conflict` when somebody else wrote in between. */
export function useSave(): UseMutationResult<SavedDocument, Error, Saving> {
  const { tenant } = useAddress();
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ kind, id, version, name, content }: Saving) =>
      ask<SavedDocument>(
        `/documents/${kind}/${encodeURIComponent(id)}`,
        {},
        {
          tenant,
          method: "PUT",
          body: JSON.stringify({ name, content }),
          headers: {
            "content-type": "application/json",
            ...(version === 0 ? { "if-none-match": "*" } : { "if-match": `"${version}"` }),
          },
        },
      ),
    onSuccess: (_, { kind }) => client.invalidateQueries({ queryKey: [tenant ?? "", "documents", kind] }),
  });
}

export function useRemove(): UseMutationResult<void, Error, Pick<SavedDocument, "kind" | "id" | "version">> {
  const { tenant } = useAddress();
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ kind, id, version }) =>
      ask<void>(
        `/documents/${kind}/${encodeURIComponent(id)}`,
        {},
        { tenant, method: "DELETE", headers: { "if-match": `"${version}"` } },
      ),
    onSuccess: (_, { kind }) => client.invalidateQueries({ queryKey: [tenant ?? "", "documents", kind] }),
  });
}
