package dev.buildplane.cli;

import static dev.buildplane.cli.ShownCommands.quote;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.model.Limits;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneType;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.TypeConversionException;

/// `buildplane plane register`.
@Command(
    name = "register",
    description = {
      "Makes a cluster known as a plane, and prints the command that starts its agent.",
      "",
      "Makes a CA and with it a certificate for the agent, stores the CA's public part in a Secret of the control plane, and declares the plane, of whichever of the six kinds, with it. The folder gets the agent's certificate and key, the gateway's CA, and the CA with its key, which must not leave your hands. Nothing is changed when anything is in the way. A plane that is there keeps its agent's key, unless you say --rotate."
    })
final class PlaneRegisterCommand extends HubCommand {
  private static final String CHARTS = "oci://ghcr.io/openchoreo/helm-charts/";

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

  @Option(
      names = "--observer-url",
      paramLabel = "URL",
      description =
          "Where the observer of an observability plane answers, http:// or https://; needed for these kinds and no other")
  @Nullable
  String observerUrl;

  @Mixin
  ReportOption report = new ReportOption();

  /// Kinds that can be registered.
  static final class Kinds implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Arrays.stream(PlaneKind.values()).map(PlaneKind::singular).iterator();
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
      var outcome = rotate ? registration.rotate(wish) : registration.register(wish);
      var told = new Registered(wish, files, url, outcome);
      report.print(out(), tree(told), () -> text(told));
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
        plane,
        id,
        inside == null ? secrets : inside,
        validity,
        hub.gatewayTrust(),
        observer(plane));
  }

  private Optional<String> observer(PlaneRef plane) {
    boolean observes = plane.kind().type() == PlaneType.OBSERVABILITY;
    if (observerUrl == null) {
      if (observes && !rotate) {
        throw new CliProblem(
            "expected the address of the observer of %s, found none; say it with --observer-url https://HOST"
                .formatted(PlaneArgument.typed(plane)),
            ExitCode.USAGE);
      }
      return Optional.empty();
    }
    if (!observes || rotate) {
      throw new CliProblem(
          "expected --observer-url only for an observability plane that is new, found it for %s; leave it out"
              .formatted(PlaneArgument.typed(plane)),
          ExitCode.USAGE);
    }
    if (!observerUrl.matches("https?://[^/]+.*")) {
      throw new CliProblem(
          "expected --observer-url http://HOST or https://HOST, found '%s'".formatted(observerUrl),
          ExitCode.USAGE);
    }
    return Optional.of(observerUrl);
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

  /// All there is to tell.
  private record Registered(
      PlaneRegistration.Wish wish,
      AgentFiles files,
      String url,
      PlaneRegistration.Outcome outcome) {
    String plane() {
      return PlaneArgument.typed(wish.plane());
    }

    String agentExpires() {
      return Certificates.notAfter(outcome.agent().chain().getFirst()).toString();
    }
  }

  private ObjectNode tree(Registered told) {
    var files = told.files();
    var tree = Resources.JSON
        .createObjectNode()
        .put("plane", told.plane())
        .put("planeId", told.wish().planeId())
        .put("rotated", rotate)
        .put("clientCa", told.outcome().source().toString())
        .put("olderCas", told.outcome().olderCas())
        .put("agentCertificateExpires", told.agentExpires());
    tree.putObject("files")
        .put("agentCertificate", files.certificate().toString())
        .put("agentKey", files.key().toString())
        .put("gatewayCa", files.gatewayCa().toString())
        .put("caCertificate", files.caCertificate().toString())
        .put("caKey", files.caKey().toString());
    var commands = tree.putObject("commands")
        .put("agent", agentCommand(told))
        .put("helm", helm(told))
        .put("doctor", doctor(told));
    if (told.outcome().olderCas() > 0) {
      commands.put("trustOnlyNewCa", onlyNewCa(told));
    }
    return tree;
  }

  private void text(Registered told) {
    var out = out();
    out.println(
        rotate
            ? "Issued a new certificate for the agent of %s; the one before stays good until it expires."
                .formatted(told.plane())
            : "Registered %s with planeID %s."
                .formatted(told.plane(), told.wish().planeId()));
    out.println();
    out.println("Files in " + told.files().folder());
    out.println("  agent.crt, agent.key   for the agent; the certificate is good until "
        + told.agentExpires());
    out.println("  gateway-ca.crt         for the agent, to know the gateway by");
    out.println(
        "  ca.crt, ca.key         keep them; whoever has ca.key can be an agent of this plane");
    out.println();
    out.println(
        "Start the agent on the plane's cluster, as a process (with --kubeconfig FILE outside a pod):");
    out.println("  " + agentCommand(told));
    out.println();
    out.println("or with Helm, kubectl and helm pointing at that cluster:");
    helm(told).lines().forEach(line -> out.println("  " + line));
    if (told.outcome().olderCas() > 0) {
      out.println();
      out.println("Once the agent has connected with it, stop trusting the CAs before:");
      out.println("  " + onlyNewCa(told));
    }
    out.println();
    out.println(
        switch (told.wish().plane().kind().type()) {
          case BUILD -> "Then see that a build can run there:";
          case DATA, OBSERVABILITY -> "Then see that it can be reached:";
        });
    out.println("  " + doctor(told));
  }

  private String doctor(Registered told) {
    return hub.commands().buildplane("plane doctor " + told.plane());
  }

  private static String agentCommand(Registered told) {
    var files = told.files();
    return "buildplane serve agent --server-url %s --plane-type %s --plane-id %s --client-cert %s --client-key %s --server-ca %s"
        .formatted(
            quote(told.url()),
            told.wish().plane().kind().type().wire(),
            told.wish().planeId(),
            quote(files.certificate().toString()),
            quote(files.key().toString()),
            quote(files.gatewayCa().toString()));
  }

  /// Values as `clusterAgent` of the charts has them; the planeID in both spellings, so that every chart reads it.
  private static String helm(Registered told) {
    var files = told.files();
    var type = told.wish().plane().kind().type();
    var inside = "openchoreo-" + type.wire().replace("plane", "-plane");
    var secret = told.wish().planeId() + "-agent-tls";
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
            CHARTS + inside,
            told.wish().planeId(),
            quote(told.url()));
  }

  private String onlyNewCa(Registered told) {
    var commands = hub.commands();
    var ca = quote(told.files().caCertificate().toString());
    return switch (told.outcome().source()) {
      case PlaneExamination.Source.Secret(var namespace, var name, var key) ->
        commands.kubectl("--namespace %s create secret generic %s --from-file=%s=%s"
                .formatted(namespace, name, key, ca))
            + " --dry-run=client --output=yaml | "
            + commands.kubectl("apply --server-side --force-conflicts --filename=-");
      case PlaneExamination.Source.Inline _ ->
        commands.kubectl(
            "%spatch %s/%s --type=merge --patch \"{\\\"spec\\\":{\\\"clusterAgent\\\":{\\\"clientCA\\\":{\\\"value\\\":\\\"$(base64 -w0 %s)\\\"}}}}\""
                .formatted(
                    inNamespace(told.wish().plane()),
                    told.wish().plane().kind().singular(),
                    told.wish().plane().name(),
                    ca));
    };
  }

  private static String inNamespace(PlaneRef plane) {
    return plane.namespace() == null ? "" : "--namespace " + plane.namespace() + " ";
  }
}
