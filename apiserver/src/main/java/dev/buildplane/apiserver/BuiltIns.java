package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.patch.MergeStructure;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/// The resources that are there without any definition.
final class BuiltIns {
  private static final String RBAC = "rbac.authorization.k8s.io";
  private static final Set<String> CREATE_ONLY = Set.of("create");

  private BuiltIns() {}

  /// Collects one resource.
  private static final class Draft {
    private final String group;
    private final String version;
    private final ResourceType.Names names;
    private boolean namespaced = true;
    private Set<String> verbs = ResourceType.ALL_VERBS;
    private Set<String> subresources = Set.of();
    private String stored;
    private List<Column> columns = List.of(Column.NAME, Column.AGE);
    private List<String> selectable = List.of();
    private boolean counted;
    private Rules rules = Rules.NONE;

    Draft(String group, String version, String plural, String kind, String... shortNames) {
      this.group = group;
      this.version = version;
      this.names = new ResourceType.Names(
          plural,
          kind.toLowerCase(Locale.ROOT),
          kind,
          kind + "List",
          List.of(shortNames),
          List.of());
      this.stored = (group.isEmpty() ? "core" : group) + "/" + plural;
    }

    Draft clusterScoped() {
      namespaced = false;
      return this;
    }

    Draft verbs(Set<String> only) {
      verbs = only;
      return this;
    }

    Draft subresources(String... more) {
      subresources = Set.of(more);
      return this;
    }

    Draft stored(String place) {
      stored = place;
      return this;
    }

    Draft columns(Column... shown) {
      columns = List.of(shown);
      return this;
    }

    Draft selectable(String... fields) {
      selectable = List.of(fields);
      return this;
    }

    Draft counted() {
      counted = true;
      return this;
    }

    Draft rules(Rules own) {
      rules = own;
      return this;
    }

    ResourceType build() {
      var apiVersion = group.isEmpty() ? version : group + "/" + version;
      return new ResourceType(
          group,
          version,
          names,
          namespaced,
          verbs,
          subresources,
          stored,
          BuiltInSchemas.of(names.kind()),
          Optional.empty(),
          MergeStructure.builtIn(apiVersion, names.kind()),
          columns,
          selectable,
          counted,
          rules);
    }
  }

  static List<ResourceType> all() {
    return Stream.of(core(), other(), rbac(), reviews())
        .flatMap(List::stream)
        .map(Draft::build)
        .toList();
  }

  private static List<Draft> core() {
    return List.of(
        new Draft("", "v1", "configmaps", "ConfigMap", "cm")
            .columns(
                Column.NAME,
                Column.number(
                    "Data",
                    object ->
                        object.path("data").size() + object.path("binaryData").size()),
                Column.AGE)
            .rules(new BuiltInRules.ConfigMaps()),
        new Draft("", "v1", "events", "Event", "ev")
            .columns(eventColumns())
            .selectable(
                "involvedObject.kind",
                "involvedObject.namespace",
                "involvedObject.name",
                "involvedObject.uid",
                "involvedObject.apiVersion",
                "involvedObject.resourceVersion",
                "involvedObject.fieldPath",
                "reason",
                "reportingComponent",
                "source",
                "type"),
        new Draft("", "v1", "namespaces", "Namespace", "ns")
            .clusterScoped()
            .subresources("status", "finalize")
            .selectable("status.phase")
            .columns(
                Column.NAME,
                Column.text("Status", object -> Json.text(object, "status", "phase")),
                Column.AGE)
            .rules(new BuiltInRules.Namespaces()),
        new Draft("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc")
            .subresources("status")
            .columns(
                Column.NAME,
                Column.text("Status", object -> Json.text(object, "status", "phase")),
                Column.text("Volume", object -> Json.text(object, "spec", "volumeName")),
                Column.text(
                    "Capacity", object -> Json.text(object, "status", "capacity", "storage")),
                Column.text(
                    "StorageClass", object -> Json.text(object, "spec", "storageClassName")),
                Column.AGE)
            .rules(new BuiltInRules.Claims()),
        new Draft("", "v1", "pods", "Pod", "po")
            .subresources("status", "log")
            .selectable(
                "status.phase",
                "spec.nodeName",
                "spec.restartPolicy",
                "spec.serviceAccountName",
                "spec.schedulerName",
                "status.podIP")
            .columns(podColumns())
            .rules(new BuiltInRules.Pods()),
        new Draft("", "v1", "secrets", "Secret")
            .selectable("type")
            .columns(
                Column.NAME,
                Column.text("Type", object -> Json.text(object, "type")),
                Column.number("Data", object -> object.path("data").size()),
                Column.AGE)
            .rules(new BuiltInRules.Secrets()),
        new Draft("", "v1", "serviceaccounts", "ServiceAccount", "sa")
            .columns(
                Column.NAME,
                Column.number("Secrets", object -> object.path("secrets").size()),
                Column.AGE),
        new Draft("", "v1", "services", "Service", "svc")
            .subresources("status")
            .columns(
                Column.NAME,
                Column.text("Type", object -> Json.text(object, "spec", "type")),
                Column.text("Cluster-IP", object -> orNone(Json.text(object, "spec", "clusterIP"))),
                Column.AGE)
            .rules(new BuiltInRules.Services()));
  }

  private static List<Draft> other() {
    return List.of(
        new Draft(
                "apiextensions.k8s.io",
                "v1",
                "customresourcedefinitions",
                "CustomResourceDefinition",
                "crd",
                "crds")
            .clusterScoped()
            .subresources("status")
            .counted()
            .columns(
                Column.NAME,
                new Column(
                    "Created At",
                    "date",
                    "",
                    "",
                    0,
                    (object, _) -> object.path("metadata").path("creationTimestamp")))
            .rules(new DefinitionRules()),
        new Draft("coordination.k8s.io", "v1", "leases", "Lease")
            .columns(
                Column.NAME,
                Column.text("Holder", object -> Json.text(object, "spec", "holderIdentity")),
                Column.AGE),
        new Draft("events.k8s.io", "v1", "events", "Event", "ev")
            .stored("core/events")
            .columns(eventColumns())
            .selectable(
                "regarding.kind",
                "regarding.namespace",
                "regarding.name",
                "regarding.uid",
                "reason",
                "reportingController",
                "type")
            .rules(new BuiltInRules.NewEvents()));
  }

  private static List<Draft> rbac() {
    var role = Column.text(
        "Role",
        object ->
            Json.text(object, "roleRef", "kind") + "/" + Json.text(object, "roleRef", "name"));
    return List.of(
        new Draft(RBAC, "v1", "clusterroles", "ClusterRole")
            .clusterScoped()
            .columns(Column.NAME, createdAt()),
        new Draft(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding")
            .clusterScoped()
            .columns(Column.NAME, role, Column.AGE)
            .rules(new BuiltInRules.Bindings()),
        new Draft(RBAC, "v1", "roles", "Role").columns(Column.NAME, createdAt()),
        new Draft(RBAC, "v1", "rolebindings", "RoleBinding")
            .columns(Column.NAME, role, Column.AGE)
            .rules(new BuiltInRules.Bindings()));
  }

  private static Column createdAt() {
    return new Column(
        "Created At",
        "date",
        "",
        "",
        0,
        (object, _) -> object.path("metadata").path("creationTimestamp"));
  }

  private static List<Draft> reviews() {
    var authorization = "authorization.k8s.io";
    var authentication = "authentication.k8s.io";
    return List.of(
        new Draft(authentication, "v1", "selfsubjectreviews", "SelfSubjectReview")
            .clusterScoped()
            .verbs(CREATE_ONLY),
        new Draft(authentication, "v1", "tokenreviews", "TokenReview")
            .clusterScoped()
            .verbs(CREATE_ONLY),
        new Draft(authorization, "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview")
            .verbs(CREATE_ONLY),
        new Draft(authorization, "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview")
            .clusterScoped()
            .verbs(CREATE_ONLY),
        new Draft(authorization, "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview")
            .clusterScoped()
            .verbs(CREATE_ONLY),
        new Draft(authorization, "v1", "subjectaccessreviews", "SubjectAccessReview")
            .clusterScoped()
            .verbs(CREATE_ONLY));
  }

  private static Column[] eventColumns() {
    return new Column[] {
      new Column(
          "Last Seen",
          "string",
          "",
          "",
          0,
          (object, now) -> Json.MAPPER.valueToTree(Ages.since(lastSeen(object), now))),
      Column.text("Type", object -> Json.text(object, "type")),
      Column.text("Reason", object -> Json.text(object, "reason")),
      Column.text("Object", BuiltIns::eventObject),
      Column.text(
          "Message",
          object ->
              firstText(Json.text(object, "message"), Json.text(object, "note")).strip()),
      new Column("Name", "string", "name", "", 1, Column.NAME.cell())
    };
  }

  private static String lastSeen(JsonNode event) {
    return firstText(
        Json.text(event, "series", "lastObservedTime"),
        Json.text(event, "lastTimestamp"),
        Json.text(event, "deprecatedLastTimestamp"),
        Json.text(event, "eventTime"),
        Json.text(event, "metadata", "creationTimestamp"));
  }

  private static String eventObject(JsonNode event) {
    var object =
        event.has("involvedObject") ? event.path("involvedObject") : event.path("regarding");
    return Json.text(object, "kind").toLowerCase(Locale.ROOT) + "/" + Json.text(object, "name");
  }

  private static String firstText(String... candidates) {
    for (var candidate : candidates) {
      if (!candidate.isEmpty()) {
        return candidate;
      }
    }
    return "";
  }

  private static Column[] podColumns() {
    return new Column[] {
      Column.NAME,
      Column.text("Ready", BuiltIns::readyContainers),
      Column.text("Status", BuiltIns::podStatus),
      Column.text("Restarts", object -> Integer.toString(restarts(object))),
      Column.AGE,
      Column.text("IP", object -> orNone(Json.text(object, "status", "podIP"))).wide(),
      Column.text("Node", object -> orNone(Json.text(object, "spec", "nodeName")))
          .wide()
    };
  }

  private static String readyContainers(ObjectNode pod) {
    var ready = 0;
    for (var status : pod.path("status").path("containerStatuses")) {
      ready += status.path("ready").asBoolean() ? 1 : 0;
    }
    return ready + "/" + pod.path("spec").path("containers").size();
  }

  private static int restarts(ObjectNode pod) {
    var sum = 0;
    for (var status : pod.path("status").path("containerStatuses")) {
      sum += status.path("restartCount").asInt();
    }
    return sum;
  }

  /// As kubectl's printer: a container's waiting or terminated reason says more than the phase.
  private static String podStatus(ObjectNode pod) {
    var shown = firstText(Json.text(pod, "status", "reason"), Json.text(pod, "status", "phase"));
    for (var status : pod.path("status").path("containerStatuses")) {
      var reason = firstText(
          Json.text(status, "state", "waiting", "reason"),
          Json.text(status, "state", "terminated", "reason"));
      shown = reason.isEmpty() ? shown : reason;
    }
    return Meta.deleting(pod) ? "Terminating" : shown;
  }

  private static String orNone(String text) {
    return text.isEmpty() ? "<none>" : text;
  }
}
