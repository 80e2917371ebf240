import { useParams, useRouter } from "@tanstack/react-router";
import { type ReactElement, useEffect } from "react";
import { Answer } from "../../part/answer.tsx";
import { type SavedView, useDocument } from "../../server/documents.ts";

/** Opens the view behind a short link, in place of it. */
export function SavedViewRedirect(): ReactElement {
  const { viewId } = useParams({ strict: false }) as { viewId: string };
  const router = useRouter();
  const view = useDocument("view", viewId);
  const href = (view.data?.content as Partial<SavedView> | undefined)?.href;
  useEffect(() => {
    if (typeof href === "string" && /^\/(?![/\\])/.test(href)) router.history.replace(href);
  }, [href, router]);
  return <Answer query={view}>{() => null}</Answer>;
}
