import type { ReactElement } from "react";
import type { ServiceColour } from "../look/service-colour.ts";
import { TelemetryText } from "./telemetry-text.tsx";

export function Swatch({ colour }: { readonly colour: ServiceColour }): ReactElement {
  return colour.monogram === null ? (
    <span aria-hidden="true" className="swatch" style={{ background: colour.variable }} />
  ) : (
    <span aria-hidden="true" className="swatch lettered" style={{ background: colour.variable, color: colour.ink }}>
      {colour.monogram}
    </span>
  );
}

export function ServiceName({
  service,
  colour,
}: {
  readonly service: string;
  readonly colour: ServiceColour;
}): ReactElement {
  return (
    <span className="service">
      <Swatch colour={colour} />
      <span className="cut">
        <TelemetryText text={service === "" ? "unknown" : service} max={80} />
      </span>
    </span>
  );
}
