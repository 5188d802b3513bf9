package dev.buildplane.bench;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// What `bench/run peers` can be told.
final class PeersOptions {
  /// The groups of measures.
  enum Measure {
    small,
    bulk,
    watches,
    storm,
    memory
  }

  @Parameters(
      arity = "0..*",
      paramLabel = "MEASURE",
      description = "${COMPLETION-CANDIDATES} (default: all)")
  List<Measure> measures = new ArrayList<>();

  @Option(
      names = "--quick",
      description = "A minute or so: fewer rows, callers and rounds; for use while changing code")
  boolean quick;

  @Option(names = "--http2", description = "With --quick: the row of HTTP/2 callers too")
  boolean http2;

  @Option(
      names = "--json",
      description = "With --quick: the row of an agent that speaks v0.17's JSON too")
  boolean json;

  @Option(names = "--bare", description = "With --quick: the rows of bare Netty too")
  boolean bare;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description =
          "Rounds of each measure, all rows in turn in each (default: 3; with --quick: 2)")
  int rounds;

  @Option(
      names = "--gateway-jvm",
      paramLabel = "FLAGS",
      defaultValue = "-Xmx512m -XX:MaxDirectMemorySize=192m",
      description = "JVM flags of the gateway (default: ${DEFAULT-VALUE})")
  String gatewayFlags = "";

  @Option(
      names = "--agent-jvm",
      paramLabel = "FLAGS",
      defaultValue = AgentProcess.JVM,
      description = "JVM flags of the agent (default: ${DEFAULT-VALUE})")
  String agentFlags = "";

  @Option(
      names = "--agent-arg",
      paramLabel = "ARGUMENT",
      description = "A further argument of 'buildplane serve agent'; may be repeated")
  List<String> agentArguments = new ArrayList<>();

  @Option(
      names = "--also-agent",
      paramLabel = "NAME=ARGUMENT",
      description =
          "Another row: a gateway and an agent of their own, the agent started with this further argument; may be repeated")
  Map<String, String> furtherAgents = new LinkedHashMap<>();

  @Option(
      names = "--openchoreo",
      paramLabel = "FOLDER",
      description =
          "Rows of OpenChoreo v0.17, whose programs cluster-gateway and cluster-agent are in this folder: both, and each with our other half. Its gateway listens on all addresses of this machine")
  @Nullable
  Path openChoreo;

  @Option(
      names = "--peer",
      paramLabel = "NAME=URL",
      description =
          "Another way to the same kind of target, https://HOST:PORT/PREFIX, as a row of its own; may be repeated. It must answer /small, /bulk, /sink and /watch as the benchmark's target does")
  Map<String, URI> urls = new LinkedHashMap<>();

  @Option(
      names = "--peer-pid",
      paramLabel = "NAME=PID",
      description = "A process whose processor time counts as that peer's; may be repeated")
  Map<String, Long> pids = new LinkedHashMap<>();

  @Option(names = "--peer-ca", paramLabel = "FILE", description = "CA of the peers' servers")
  @Nullable
  Path ca;

  @Option(
      names = "--peer-cert",
      paramLabel = "FILE",
      description = "Client certificate for the peers")
  @Nullable
  Path certificate;

  @Option(names = "--peer-key", paramLabel = "FILE", description = "Its key")
  @Nullable
  Path key;

  Set<Measure> wanted() {
    if (!measures.isEmpty()) {
      return EnumSet.copyOf(measures);
    }
    return quick ? EnumSet.of(Measure.small, Measure.bulk) : EnumSet.allOf(Measure.class);
  }

  int roundsWanted() {
    if (rounds > 0) {
      return rounds;
    }
    return quick ? 2 : 3;
  }

  List<String> gatewayJvm() {
    return List.of(gatewayFlags.strip().split("\\s+"));
  }

  List<String> agentJvm() {
    return List.of(agentFlags.strip().split("\\s+"));
  }

  List<PeerStage.Peer> others() throws Exception {
    var found = new ArrayList<PeerStage.Peer>();
    for (var entry : urls.entrySet()) {
      found.add(other(entry.getKey(), entry.getValue()));
    }
    return found;
  }

  private PeerStage.Peer other(String name, URI url) throws Exception {
    if (ca == null || url.getHost() == null) {
      throw new IllegalArgumentException("--peer " + name
          + ": expected https://HOST:PORT/PREFIX and --peer-ca, found " + url + " and " + ca);
    }
    var user = certificate == null || key == null
        ? Optional.<Identity>empty()
        : Optional.of(Identity.read(certificate, key));
    var path = url.getRawPath() == null ? "" : url.getRawPath();
    var endpoint = new Endpoint(
        url.getHost(),
        url.getPort() < 0 ? 443 : url.getPort(),
        path.endsWith("/") ? path.substring(0, path.length() - 1) : path,
        false,
        TrustBundle.read(ca),
        user);
    var pid = pids.get(name);
    var processes = pid == null
        ? List.<Usage>of()
        : List.of(new Usage(name, ProcessHandle.of(pid).orElseThrow()));
    return new PeerStage.Peer(name, endpoint, processes);
  }
}
