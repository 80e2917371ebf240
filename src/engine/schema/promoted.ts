/** Attributes everybody filters on get a column of their own, which the planner reads instead of the map. */
export const PROMOTED_SPAN_ATTRIBUTES: readonly string[] = [
  "http.request.method",
  "http.response.status_code",
  "http.route",
  "url.path",
  "server.address",
  "db.system.name",
  "rpc.method",
  "messaging.destination.name",
  "error.type",
];

/** Resource attributes with a name of their own; every other one is as quick to read: resourceAttribute(). */
export const PROMOTED_RESOURCE_ATTRIBUTES: readonly string[] = [
  "service.version",
  "service.instance.id",
  "deployment.environment.name",
  "host.name",
  "k8s.namespace.name",
  "k8s.pod.name",
  "cloud.region",
];

/** The column that holds a promoted attribute: `attr_http_route`, `res_service_version`. */
export function promotedColumn(scope: "attributes" | "resource_attributes", key: string): string {
  return `${scope === "attributes" ? "attr" : "res"}_${key.replaceAll(/[^a-zA-Z0-9]/g, "_")}`;
}
