package dev.buildplane.cli;

import static dev.buildplane.cli.ShownCommands.quote;

import dev.buildplane.model.Limits;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneType;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Iterator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.TypeConversionException;

/// `buildplane plane register`.
@Command(
    name = "register",
    description = {
      "Makes a cluster known as a plane, and prints the command that starts its agent.",
      "",
      "Makes a CA and with it a certificate for the agent, stores the CA's public part in a Secret of the control plane, and declares the plane with it. The folder gets the agent's certificate and key, the gateway's CA, and the CA with its key, which must not leave your hands. Nothing is changed when anything is in the way. A plane that is there keeps its agent's key, unless you say --rotate."
    })
final class PlaneRegisterCommand extends HubCommand {
  private static final String CHART = "oci://ghcr.io/openchoreo/helm-charts/openchoreo-build-plane";

  @Parameters(paramLabel = "NAME", description = "Name of the plane")
  String name = "";

  @Option(
      names = "--kind",
      paramLabel = "KIND",
      completionCandidates = Kinds.class,
      description =
          "One of: ${COMPLETION-CANDIDATES} (default: clusterbuildplane, or with --namespace buildplane)")
  @Nullable
  String kind;

  @Option(
      names = {"-n", "--namespace"},
      paramLabel = "NAMESPACE",
      description = "Namespace of a namespaced plane")
  @Nullable
  String namespace;

  @Option(
      names = "--plane-id",
      paramLabel = "ID",
      description = "What the agent calls its cluster (default: the plane's name)")
  @Nullable
  String planeId;

  @Option(
      names = "--gateway-url",
      paramLabel = "URL",
      description =
          "Where agents dial the gateway, wss://HOST:PORT/ws (default: that of the standalone installation)")
  @Nullable
  String gatewayUrl;

  @Option(
      names = "--secret-namespace",
      paramLabel = "NAMESPACE",
      description = "Where the Secret with the CA of a cluster-scoped plane goes (default: "
          + ControlPlaneRole.SYSTEM_NAMESPACE + ")")
  @Nullable
  String secretNamespace;

  @Option(
      names = "--output-dir",
      paramLabel = "DIR",
      description = "Folder for the agent's files (default: agent-NAME)")
  @Nullable
  Path outputDirectory;

  @Option(
      names = "--validity",
      paramLabel = "DURATION",
      defaultValue = "365d",
      converter = Validity.class,
      description =
          "How long the agent's certificate is good for, in days or hours: 90d, 12h (default: ${DEFAULT-VALUE})")
  Duration validity = StandalonePki.LEAF_VALIDITY;

  @Option(
      names = "--rotate",
      description =
          "Issue a new certificate for the agent of a plane that is there: from the same CA if its key is in the folder, else from a new one that the plane trusts besides the old")
  boolean rotate;

  /// Kinds that can be registered.
  static final class Kinds implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Arrays.stream(PlaneKind.values())
          .filter(kind -> kind.type().hasReferences())
          .map(PlaneKind::singular)
          .iterator();
    }
  }

  /// `90d`, `12h`.
  static final class Validity implements ITypeConverter<Duration> {
    private static final Pattern SHAPE = Pattern.compile("([1-9][0-9]{0,4})([dh])");

    @Override
    public Duration convert(String text) {
      var matcher = SHAPE.matcher(text);
      if (!matcher.matches()) {
        throw new TypeConversionException(
            "expected days or hours as 90d or 12h, found '" + text + "'");
      }
      var count = Long.parseLong(matcher.group(1));
      var duration =
          matcher.group(2).equals("d") ? Duration.ofDays(count) : Duration.ofHours(count);
      if (duration.compareTo(PlaneRegistration.CA_VALIDITY) > 0) {
        throw new TypeConversionException(
            "expected at most " + PlaneRegistration.CA_VALIDITY.toDays()
                + "d, as long as the CA, found '" + text + "'");
      }
      return duration;
    }
  }

  @Override
  public Integer call() {
    var plane = plane();
    var url = gatewayUrl();
    var files =
        new AgentFiles(outputDirectory == null ? Path.of("agent-" + name) : outputDirectory);
    try (var client = hub.connect()) {
      var registration = new PlaneRegistration(client, files, InstantSource.system());
      var wish =
          wish(plane, rotate ? PlaneTable.planeId(PlaneGetCommand.require(client, plane)) : name);
      tell(wish, files, url, rotate ? registration.rotate(wish) : registration.register(wish));
    }
    return ExitCode.OK.code();
  }

  private PlaneRef plane() {
    var wanted = kind == null
        ? namespace == null ? PlaneKind.CLUSTER_BUILD : PlaneKind.BUILD
        : PlaneArgument.kind(kind)
            .orElseThrow(() -> new CliProblem(
                "expected a kind of plane as clusterbuildplane or dataplane, found '%s'"
                    .formatted(kind),
                ExitCode.USAGE));
    if (!wanted.type().hasReferences()) {
      throw new CliProblem(
          "expected a build plane or a data plane, found kind %s, which needs the address of an observer; declare it with kubectl apply"
              .formatted(wanted.singular()),
          ExitCode.USAGE);
    }
    return PlaneArgument.in(wanted, namespace, name);
  }

  private PlaneRegistration.Wish wish(PlaneRef plane, String defaultId) {
    var id = planeId == null ? defaultId : planeId;
    if (!Limits.isPlaneID(id)) {
      throw new CliProblem(
          "expected a planeID of 1 to %d lower-case letters, digits and hyphens, found '%s'; set one with --plane-id"
              .formatted(Limits.PLANE_ID_CHARS, id),
          ExitCode.USAGE);
    }
    var inside = plane.namespace();
    var secrets = secretNamespace == null ? ControlPlaneRole.SYSTEM_NAMESPACE : secretNamespace;
    return new PlaneRegistration.Wish(
        plane, id, inside == null ? secrets : inside, validity, hub.gatewayTrust());
  }

  private String gatewayUrl() {
    if (gatewayUrl == null) {
      return hub.standalone()
          .map(Installation::agentUrl)
          .orElseThrow(() -> new CliProblem(
              "expected to know where agents dial the gateway, found no standalone installation running; say it with --gateway-url wss://HOST:PORT/ws",
              ExitCode.USAGE));
    }
    if (!gatewayUrl.startsWith("wss://")) {
      throw new CliProblem(
          "expected --gateway-url wss://HOST:PORT/ws, found '%s'".formatted(gatewayUrl),
          ExitCode.USAGE);
    }
    return gatewayUrl;
  }

  private void tell(
      PlaneRegistration.Wish wish,
      AgentFiles files,
      String url,
      PlaneRegistration.Outcome outcome) {
    var typed = PlaneArgument.typed(wish.plane());
    var out = out();
    out.println(
        rotate
            ? "Issued a new certificate for the agent of %s; the one before stays good until it expires."
                .formatted(typed)
            : "Registered %s with planeID %s.".formatted(typed, wish.planeId()));
    out.println();
    out.println("Files in " + files.folder());
    out.println("  agent.crt, agent.key   for the agent; the certificate is good until "
        + Certificates.notAfter(outcome.agent().chain().getFirst()));
    out.println("  gateway-ca.crt         for the agent, to know the gateway by");
    out.println(
        "  ca.crt, ca.key         keep them; whoever has ca.key can be an agent of this plane");
    out.println();
    out.println(
        "Start the agent on the build cluster, as a process (with --kubeconfig FILE outside a pod):");
    out.println("  " + agentCommand(wish, files, url));
    out.println();
    out.println("or with Helm, kubectl and helm pointing at that cluster:");
    helm(wish, files, url).lines().forEach(line -> out.println("  " + line));
    if (outcome.olderCas() > 0) {
      out.println();
      out.println("Once the agent has connected with it, stop trusting the CAs before:");
      out.println("  " + onlyNewCa(outcome, files));
    }
    out.println();
    out.println("Then see that a build can run there:");
    out.println("  " + hub.commands().buildplane("plane doctor " + typed));
    out.flush();
  }

  private static String agentCommand(PlaneRegistration.Wish wish, AgentFiles files, String url) {
    return "buildplane serve agent --server-url %s --plane-type %s --plane-id %s --client-cert %s --client-key %s --server-ca %s"
        .formatted(
            quote(url),
            wish.plane().kind().type().wire(),
            wish.planeId(),
            quote(files.certificate().toString()),
            quote(files.key().toString()),
            quote(files.gatewayCa().toString()));
  }

  /// Values as `clusterAgent` of the charts has them; the planeID in both spellings, so that every chart reads it.
  private static String helm(PlaneRegistration.Wish wish, AgentFiles files, String url) {
    var type = wish.plane().kind().type();
    var chart = type == PlaneType.BUILD ? CHART : CHART.replace("build-plane", "data-plane");
    var inside = "openchoreo-" + type.wire().replace("plane", "-plane");
    var secret = wish.planeId() + "-agent-tls";
    return """
        kubectl create namespace %1$s --dry-run=client --output=yaml | kubectl apply --filename=-
        kubectl --namespace %1$s create secret tls %2$s --cert=%3$s --key=%4$s --dry-run=client --output=yaml | kubectl apply --filename=-
        kubectl --namespace %1$s create configmap cluster-gateway-ca --from-file=ca.crt=%5$s --dry-run=client --output=yaml | kubectl apply --filename=-
        helm upgrade --install %6$s %7$s --namespace %1$s --set clusterAgent.planeType=%6$s --set clusterAgent.planeId=%8$s --set clusterAgent.planeID=%8$s --set clusterAgent.serverUrl=%9$s --set clusterAgent.tls.enabled=true --set clusterAgent.tls.clientSecretName=%2$s --set clusterAgent.tls.serverCAConfigMap=cluster-gateway-ca
        """.formatted(
            inside,
            secret,
            quote(files.certificate().toString()),
            quote(files.key().toString()),
            quote(files.gatewayCa().toString()),
            type.wire(),
            chart,
            wish.planeId(),
            quote(url));
  }

  private String onlyNewCa(PlaneRegistration.Outcome outcome, AgentFiles files) {
    var source = outcome.source();
    var commands = hub.commands();
    return commands.kubectl("--namespace %s create secret generic %s --from-file=%s=%s"
            .formatted(
                source.namespace(),
                source.name(),
                source.key(),
                quote(files.caCertificate().toString())))
        + " --dry-run=client --output=yaml | "
        + commands.kubectl("apply --server-side --force-conflicts --filename=-");
  }
}
