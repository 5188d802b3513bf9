package dev.buildplane.model;

import dev.buildplane.model.CrdYaml.Column;
import dev.buildplane.model.CrdYaml.Kind;
import dev.buildplane.model.CrdYaml.Schema;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// Every kind with its names, columns and rules.
final class CrdKinds {
  private static final List<String> GROUP = List.of("openchoreo");
  private static final List<String> TASK_PHASES =
      List.of("Pending", "Running", "Succeeded", "Failed", "Skipped", "Error");
  private static final List<String> SECRET_TYPES = List.of(
      "Opaque",
      "kubernetes.io/dockerconfigjson",
      "kubernetes.io/dockercfg",
      "kubernetes.io/basic-auth",
      "kubernetes.io/ssh-auth",
      "kubernetes.io/tls",
      "bootstrap.kubernetes.io/token");

  private CrdKinds() {}

  static List<Kind> all() {
    return Stream.concat(Arrays.stream(PlaneKind.values()).map(CrdKinds::plane), others())
        .toList();
  }

  private static Stream<Kind> others() {
    return Stream.of(
        kind(
            Workflow.class,
            "workflows",
            List.of(),
            "Recipe for builds.",
            List.of(),
            CrdKinds::workflow),
        kind(
            WorkflowRun.class,
            "workflowruns",
            List.of(),
            "One execution of a Workflow on a build plane.",
            List.of(
                Column.of("Workflow", ".spec.workflow.name", "Workflow that is run."),
                Column.of("Status", ".status.phase", "Summary of the conditions."),
                Column.of("Plane", ".status.buildPlane.name", "Build plane the run is bound to."),
                Column.age(),
                Column.wide(
                    "Reason",
                    ".status.conditions[?(@.type==\"WorkflowCompleted\")].reason",
                    "Why the run is where it is."),
                Column.wide(
                    "Message",
                    ".status.conditions[?(@.type==\"WorkflowCompleted\")].message",
                    "The same in a sentence.")),
            CrdKinds::run),
        kind(
            Component.class,
            "components",
            List.of("comp", "comps"),
            "Component of a project.",
            List.of(
                Column.of(
                    "Project", ".spec.owner.projectName", "Project the component belongs to."),
                Column.of("ComponentType", ".spec.componentType.name", "Type of the component."),
                Column.age()),
            CrdKinds::component),
        kind(
            ComponentType.class,
            "componenttypes",
            List.of(),
            "Type of component in one namespace.",
            List.of(),
            CrdKinds::componentType),
        kind(
            ClusterComponentType.class,
            "clustercomponenttypes",
            List.of(),
            "Type of component for every namespace.",
            List.of(),
            CrdKinds::componentType),
        kind(
            Project.class,
            "projects",
            List.of("proj", "projs"),
            "Group of components.",
            List.of(),
            schema -> schema.at("status").keepUnknown()),
        kind(
            SecretReference.class,
            "secretreferences",
            List.of(),
            "Keys of an external secret store that make up a Secret.",
            List.of(),
            CrdKinds::secretReference),
        kind(
            Workload.class,
            "workloads",
            List.of(),
            "What a build produced and how to run it.",
            List.of(),
            schema -> {
              schema.at("spec").keepUnknown();
              schema.at("spec", "owner").keepUnknown();
              schema.at("status").keepUnknown();
            }));
  }

  private static Kind kind(
      Class<? extends io.fabric8.kubernetes.client.CustomResource<?, ?>> type,
      String plural,
      List<String> shortNames,
      String description,
      List<Column> columns,
      Consumer<Schema> finish) {
    return new Kind(type, plural, shortNames, GROUP, description, columns, schema -> {
      schema.put("description", description);
      finish.accept(schema);
    });
  }

  private static Kind plane(PlaneKind plane) {
    var description = description(plane);
    return new Kind(
        plane.resourceClass(),
        plane.plural(),
        plane.shortNames(),
        List.of("planes", "openchoreo"),
        description,
        columns(plane),
        schema -> {
          schema.put("description", description);
          planeSpec(plane, schema.at("spec"));
          schema.at("status", "agentConnection").require("connected", "connectedAgents");
        });
  }

  private static String description(PlaneKind plane) {
    var reach = plane.clusterScoped() ? "every namespace" : "one namespace";
    return switch (plane.type()) {
      case BUILD ->
        "Build cluster that workflow runs of " + reach
            + " execute on, reached through its cluster agent.";
      case DATA ->
        "Cluster that runs deployed components of " + reach
            + ", reached through its cluster agent.";
      case OBSERVABILITY ->
        "Cluster that keeps logs and metrics for planes of " + reach
            + ", reached through its cluster agent.";
    };
  }

  private static List<Column> columns(PlaneKind plane) {
    var columns = new ArrayList<>(List.of(
        Column.of("Plane ID", ".status.planeID", "planeID in effect."),
        Column.of(
            "Ready",
            ".status.conditions[?(@.type==\"Ready\")].status",
            "Whether the plane can be used now."),
        new Column(
            "Agents",
            "integer",
            ".status.agentConnection.connectedAgents",
            "Agents connected and authorised for this resource.",
            false),
        Column.age(),
        Column.wide(
            "Reason",
            ".status.conditions[?(@.type==\"Ready\")].reason",
            "Why Ready is as it is.")));
    if (plane.type().hasReferences()) {
      columns.add(Column.wide(
          "Observability",
          ".status.conditions[?(@.type==\"ObservabilityResolved\")].reason",
          "Whether the observability plane was found."));
      columns.add(Column.wide(
          "Secret Store", ".spec.secretStoreRef.name", "ClusterSecretStore in the plane."));
    }
    return columns;
  }

  private static void planeSpec(PlaneKind plane, Schema spec) {
    if (!plane.type().hasReferences()) {
      spec.drop("secretStoreRef").drop("observabilityPlaneRef");
    } else {
      observability(plane, spec.at("observabilityPlaneRef"));
    }
    if (plane.type() != PlaneType.DATA) {
      spec.drop("gateway").drop("imagePullSecretRefs");
    }
    if (plane.type() != PlaneType.OBSERVABILITY) {
      spec.drop("observerURL").drop("rcaAgentURL");
    }
    var clientCA = spec.at("clusterAgent", "clientCA");
    clientCA.at("value").put("maxLength", 262_144);
    clientCA.rule(
        "has(self.secretRef) || (has(self.value) && self.value != '')",
        "set secretRef (name, namespace and key of a Secret that holds the CA certificates) or value (the certificates"
            + " themselves); without either no agent can be verified");
    clientCA.rule(
        "!(has(self.secretRef) && has(self.value) && self.value != '')",
        "set only one of secretRef and value: remove the one that is not meant");
    if (plane.clusterScoped()) {
      clientCA
          .at("secretRef")
          .rule(
              "has(self.__namespace__) && self.__namespace__ != ''",
              "namespace is required on the cluster-scoped " + plane.kind()
                  + ": add the namespace the Secret lives in");
    }
  }

  private static void observability(PlaneKind plane, Schema ref) {
    ref.at("kind")
        .oneOf(plane.observabilityKinds().stream().map(PlaneKind::kind).toList())
        .byDefault(plane.defaultObservabilityKind().kind());
    if (plane.clusterScoped()) {
      ref.rule(
          "!has(self.kind) || self.kind == 'ClusterObservabilityPlane'",
          plane.kind() + " can only reference ClusterObservabilityPlane");
    }
  }

  private static void workflow(Schema root) {
    root.at("spec", "schema").keepUnknown();
    root.at("spec", "schema", "types").freeForm();
    root.at("spec", "schema", "parameters").freeForm();
    root.at("spec", "runTemplate").freeForm();
    root.at("spec", "resources", "[]", "template").freeForm();
    root.at("spec", "resources").mapBy("id");
    root.at("spec", "externalRefs").mapBy("id");
    root.at("spec", "externalRefs", "[]", "kind").oneOf(List.of("SecretReference"));
    root.at("spec", "buildPlaneRef", "kind").oneOf(List.of("BuildPlane", "ClusterBuildPlane"));
  }

  private static void run(Schema root) {
    root.at("spec", "workflow", "parameters").freeForm();
    root.at("status", "tasks", "[]", "phase").oneOf(TASK_PHASES);
  }

  private static void component(Schema root) {
    root.at("spec").keepUnknown();
    root.at("spec", "owner").rule("self == oldSelf", "spec.owner is immutable").keepUnknown();
    root.at("spec", "componentType")
        .rule("self == oldSelf", "spec.componentType cannot be changed after creation");
    root.at("spec", "componentType", "kind")
        .oneOf(List.of("ComponentType", "ClusterComponentType"))
        .byDefault("ComponentType");
    root.at("spec", "workflow", "parameters").freeForm();
    root.at("status").keepUnknown();
  }

  private static void componentType(Schema root) {
    root.at("spec").keepUnknown();
    root.at("spec", "allowedWorkflows").mapBy("kind", "name");
    root.at("spec", "allowedWorkflows", "[]", "kind")
        .oneOf(List.of("Workflow"))
        .byDefault("Workflow");
    root.at("status").keepUnknown();
  }

  private static void secretReference(Schema root) {
    root.at("spec", "template", "type").oneOf(SECRET_TYPES).byDefault("Opaque");
    root.at("spec", "refreshInterval").byDefault("1h");
  }
}
