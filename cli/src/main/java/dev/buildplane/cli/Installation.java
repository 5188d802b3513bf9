package dev.buildplane.cli;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What runs on a data directory and where it listens: written by the supervisor, read by every other command.
///
/// @param supervisor the process that answers for the others
/// @param replicas gateways besides the one in the control plane
@JsonIgnoreProperties(ignoreUnknown = true)
record Installation(
    ProcessId supervisor,
    ProcessId controlPlane,
    ProcessId buildPlane,
    int apiPort,
    int agentPort,
    int gatewayPort,
    int healthPort,
    int buildPlaneApiPort,
    List<Replica> replicas) {
  /// A gateway in a process of its own.
  ///
  /// @param index from 2: the first gateway is part of the control plane
  record Replica(int index, ProcessId process, GatewayPorts ports) {
    Member member() {
      return Member.gateway(index);
    }
  }

  // Files of versions with one gateway do not name replicas.
  Installation {
    replicas = replicas == null ? List.of() : List.copyOf(replicas);
  }

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  static Optional<Installation> read(DataDirectory data) {
    try {
      return Optional.of(JSON.readValue(Files.readString(data.installation()), Installation.class));
    } catch (NoSuchFileException none) {
      return Optional.empty();
    } catch (IOException unreadable) {
      throw new CliProblem(
          "expected the description of an installation in %s, found: %s; stop its processes and remove the file"
              .formatted(data.installation(), unreadable.getMessage()),
          unreadable);
    }
  }

  /// The installation on `data`, if its supervisor runs.
  static Optional<Installation> running(DataDirectory data) {
    return read(data).filter(installation -> installation.supervisor().isAlive());
  }

  void write(DataDirectory data) {
    try {
      DataDirectory.writeAtomically(data.installation(), JSON.writeValueAsString(this));
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException("numbers have a JSON form", impossible);
    }
  }

  /// Another process runs as that member now, where the one before was.
  Installation with(Member member, ProcessId process) {
    var others = new ArrayList<>(replicas);
    if (member.role() == Role.GATEWAY) {
      others.replaceAll(replica -> replica.index() == member.index()
          ? new Replica(replica.index(), process, replica.ports())
          : replica);
    }
    return new Installation(
        supervisor,
        member.role() == Role.CONTROL_PLANE ? process : controlPlane,
        member.role() == Role.BUILD_PLANE ? process : buildPlane,
        apiPort,
        agentPort,
        gatewayPort,
        healthPort,
        buildPlaneApiPort,
        others);
  }

  /// Every process but the supervisor.
  Map<Member, ProcessId> members() {
    var members = new LinkedHashMap<Member, ProcessId>();
    members.put(Member.CONTROL_PLANE, controlPlane);
    replicas.forEach(replica -> members.put(replica.member(), replica.process()));
    members.put(Member.BUILD_PLANE, buildPlane);
    return members;
  }

  /// The ports of every gateway, that of the control plane first.
  List<GatewayPorts> gateways() {
    var all = new ArrayList<GatewayPorts>();
    all.add(new GatewayPorts(agentPort, gatewayPort, healthPort));
    replicas.forEach(replica -> all.add(replica.ports()));
    return all;
  }

  /// As [#write], with the kubeconfig that reaches it: contexts of both API servers, and of the gateway for the command line.
  void writeWithKubeconfig(DataDirectory data) {
    var pki = new StandalonePki(data.pki());
    var controlTrust = pki.trust("control-plane-ca");
    var contexts = List.of(
        new KubeconfigFile.Context("control-plane", apiUrl(), controlTrust, pki.identity("admin")),
        new KubeconfigFile.Context(
            "build-plane",
            buildPlaneApiUrl(),
            pki.trust("build-plane-ca"),
            pki.identity("plane-admin")),
        new KubeconfigFile.Context("gateway", gatewayUrl(), controlTrust, pki.identity("admin")));
    DataDirectory.writeSecret(data.kubeconfig(), KubeconfigFile.render(contexts));
    write(data);
  }

  String apiUrl() {
    return "https://127.0.0.1:" + apiPort;
  }

  String gatewayUrl() {
    return "https://127.0.0.1:" + gatewayPort;
  }

  String agentUrl() {
    return "wss://127.0.0.1:" + agentPort + "/ws";
  }

  String healthUrl() {
    return "http://127.0.0.1:" + healthPort;
  }

  String buildPlaneApiUrl() {
    return "https://127.0.0.1:" + buildPlaneApiPort;
  }
}
