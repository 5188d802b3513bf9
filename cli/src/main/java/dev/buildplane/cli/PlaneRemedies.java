package dev.buildplane.cli;

import dev.buildplane.cli.PlaneExamination.MissingRight;
import dev.buildplane.cli.PlaneExamination.Source;
import dev.buildplane.model.PlaneRef;
import java.util.List;
import java.util.stream.Collectors;

/// The commands that mend a plane, as pasted into a shell. What a user has to fill in or to be aware of stands in a comment at
/// the end, or in capitals.
///
/// @param caller who asks the gateway, as roles name users
record PlaneRemedies(PlaneRef plane, String caller, ShownCommands commands) {
  private static final String ON_CLUSTER = "  # on the build cluster";

  /// Who lacks a right cannot grant it: not with the kubeconfig of this command.
  private static final String BY_ADMINISTRATOR = "  # as an administrator of the control plane";

  String register() {
    return commands.buildplane("plane register " + registered()
        + switch (plane.kind().type()) {
          case BUILD, DATA -> "";
          case OBSERVABILITY -> " --observer-url https://OBSERVER";
        });
  }

  /// A new certificate for the agent, from a CA the plane trusts or is made to trust.
  String rotate() {
    return commands.buildplane("plane register " + registered() + " --rotate");
  }

  /// The arguments with which `plane register` means this plane.
  private String registered() {
    return plane.name()
        + (plane.namespace() == null ? "" : " --namespace " + plane.namespace())
        + " --kind " + plane.kind().singular();
  }

  String nameSecret() {
    var namespace = plane.namespace();
    return patch(
        "{\"spec\":{\"clusterAgent\":{\"clientCA\":{\"secretRef\":{\"name\":\"%s-agent-ca\",\"namespace\":\"%s\",\"key\":\"ca.crt\"}}}}}"
            .formatted(
                plane.name(), namespace == null ? ControlPlaneRole.SYSTEM_NAMESPACE : namespace));
  }

  String createSecret(Source.Secret source) {
    return commands.kubectl(secretFromFile(source));
  }

  String addKey(Source.Secret source) {
    return commands.kubectl(secretFromFile(source) + " --dry-run=client --output=yaml | ")
        + commands.kubectl("apply --server-side --filename=-");
  }

  private static String secretFromFile(Source.Secret source) {
    return "--namespace " + source.namespace() + " create secret generic " + source.name()
        + " --from-file=" + source.key() + "=ca.crt";
  }

  String grantSecret(Source.Secret source) {
    var inside = "--namespace " + source.namespace();
    var role = "read-" + source.name();
    return "kubectl " + inside + " create role " + role
        + " --verb=get --resource=secrets --resource-name=" + source.name() + " && kubectl "
        + inside + " create rolebinding " + role + " --role=" + role + " --user=" + user()
        + BY_ADMINISTRATOR;
  }

  String grantConnections() {
    return grant(
        "agent-connections",
        new Rule("openchoreo.dev", "agentconnections", List.of("get", "watch", "update")));
  }

  String grantProxy() {
    return grant(
        plane.kind().plural() + "-proxy",
        new Rule(
            "openchoreo.dev",
            plane.kind().plural() + "/proxy",
            List.of("get", "create", "update", "patch", "delete")));
  }

  private String grant(String name, Rule rule) {
    return "echo " + ShownCommands.quote(clusterRole(name, List.of(rule)))
        + " | kubectl apply --filename=- && kubectl create clusterrolebinding " + name
        + " --clusterrole=" + name + " --user=" + user() + BY_ADMINISTRATOR;
  }

  String grantAgent(List<MissingRight> missing) {
    var name = "cluster-agent-builds";
    var rules = missing.stream()
        .map(right -> new Rule(right.group(), right.resource(), List.of(right.verb())))
        .toList();
    return "echo " + ShownCommands.quote(clusterRole(name, rules))
        + " | kubectl apply --filename=- && kubectl create clusterrolebinding " + name
        + " --clusterrole=" + name
        + " --serviceaccount=openchoreo-build-plane:cluster-agent-buildplane"
        + ON_CLUSTER;
  }

  private record Rule(String group, String resource, List<String> verbs) {
    String json() {
      return "{\"apiGroups\":[\"%s\"],\"resources\":[\"%s\"],\"verbs\":[%s]}"
          .formatted(
              group,
              resource,
              verbs.stream().map(verb -> "\"" + verb + "\"").collect(Collectors.joining(",")));
    }
  }

  /// `kubectl create clusterrole` knows only resources that discovery lists; these are none.
  private static String clusterRole(String name, List<Rule> rules) {
    return "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"%s\"},\"rules\":[%s]}"
        .formatted(name, rules.stream().map(Rule::json).collect(Collectors.joining(",")));
  }

  String startAgent(String planeId) {
    return "buildplane serve agent --server-url " + commands.agentUrl() + " --plane-type "
        + plane.kind().type().wire() + " --plane-id " + planeId
        + " --client-cert agent.crt --client-key agent.key --server-ca gateway-ca.crt --kubeconfig cluster.kubeconfig"
        + ON_CLUSTER + "; where it runs, read its log";
  }

  static String agentLog() {
    return "kubectl --namespace openchoreo-build-plane logs deployment/cluster-agent-buildplane --tail 50"
        + ON_CLUSTER;
  }

  /// `kubectl` in the plane's cluster, through the gateway.
  String onPlane(String arguments) {
    return commands.buildplane(
            "plane kubeconfig " + PlaneArgument.typed(plane) + " --output plane.kubeconfig")
        + " && kubectl --kubeconfig plane.kubeconfig " + arguments;
  }

  String patch(String json) {
    return commands.kubectl(
        "patch " + resource() + " --type=merge --patch " + ShownCommands.quote(json));
  }

  String awaitReady() {
    return commands.kubectl("wait --for=condition=Ready --timeout=60s " + resource());
  }

  String doctor() {
    return commands.buildplane("plane doctor " + PlaneArgument.typed(plane));
  }

  String status() {
    return commands.buildplane("status");
  }

  private String resource() {
    var namespace = plane.namespace();
    return (namespace == null ? "" : "--namespace " + namespace + " ")
        + plane.kind().singular() + "/" + plane.name();
  }

  private String user() {
    return ShownCommands.quote(caller);
  }
}
