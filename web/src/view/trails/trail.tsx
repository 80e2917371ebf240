import { useParams } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { Answer } from "../../part/answer.tsx";
import { TrailSteps } from "../../part/trail-panel.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { useDocument } from "../../server/documents.ts";

/** A whole investigation behind one link. */
export function TrailView(): ReactElement {
  const { trailId } = useParams({ strict: false }) as { trailId: string };
  const trail = useDocument("trail", trailId);
  return (
    <div className="view scrolls">
      <ViewTitle>
        <h1>Evidence trail</h1>
      </ViewTitle>
      <Answer query={trail}>{(document) => <TrailSteps key={document.version} document={document} wide />}</Answer>
    </div>
  );
}
