package dev.buildplane.bench;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/// One target, and every way to it that is compared: each proxy a process of its own, all on loopback.
final class PeerStage implements AutoCloseable {
  private static final String PLANE = "bench";
  private static final String MIXED_PLANE = "bench-mixed";
  private static final List<String> TARGET_JVM = List.of("-Xmx256m");
  private static final List<String> HUB_JVM = List.of("-Xmx512m");

  /// Netty's switch: without it BoringSSL serves whenever it is there.
  private static final String JDK_TLS = "-Dio.netty.handler.ssl.noOpenSsl=true";

  /// A way to the target.
  ///
  /// @param proxies the processes on it, front first
  /// @param mostBytes of bodies that it takes at a time; more are sent one after the other
  record Peer(String name, Endpoint endpoint, List<Usage> proxies, long mostBytes) {
    Peer(String name, Endpoint endpoint, List<Usage> proxies) {
      this(name, endpoint, proxies, Long.MAX_VALUE);
    }
  }

  /// The gateway holds bodies of requests to v0.17 agents to 10 MiB, and the agent what all answers take to a quarter of its heap.
  private static final long JSON_BODY_BYTES = 8L << 20;

  private static final List<String> JSON_AGENT = List.of("--protocol=json");

  /// Gateway and agent of one configuration.
  ///
  /// @param millisToConnected from the start of the agent's process to the first answer through the tunnel
  record Tunnel(String label, Child gateway, Child agent, long millisToConnected) {}

  private final Path folder;
  private final PeersOptions options;
  private final Certificates certificates;
  private final Deque<AutoCloseable> started = new ArrayDeque<>();
  private final List<Peer> peers = new ArrayList<>();
  private final List<Tunnel> tunnels = new ArrayList<>();
  private final Child target;
  private final int hubPort;

  PeerStage(Path folder, PeersOptions options) throws Exception {
    this.folder = folder;
    this.options = options;
    this.certificates = Certificates.create(folder.resolve("pki"));
    try {
      this.target = add(Child.part("target", folder, TARGET_JVM, "target", certificates));
      peers.add(new Peer("direct", plain(target.port("target"), false), List.of()));
      startNginx();
      if (!options.quick || options.bare) {
        startBare();
      }
      var hub = add(Child.part(
          "hub", folder, HUB_JVM, "hub", certificates, folder.resolve("hub").toString()));
      this.hubPort = hub.port("api");
      Planes.create(certificates, hubPort, PLANE);
      startTunnels();
      if (options.openChoreo != null) {
        startOpenChoreo(new OpenChoreo(options.openChoreo));
      }
      addOthers();
    } catch (Exception | Error failed) {
      close();
      throw failed;
    }
  }

  List<Peer> peers() {
    return peers;
  }

  List<Tunnel> tunnels() {
    return tunnels;
  }

  Usage target() {
    return new Usage("target", target.handle());
  }

  private <T extends AutoCloseable> T add(T part) {
    started.push(part);
    return part;
  }

  private Endpoint plain(int port, boolean http2) throws Exception {
    return new Endpoint(
        "127.0.0.1", port, "", http2, certificates.trust("server-ca"), Optional.empty());
  }

  private void startNginx() throws Exception {
    var one = Nginx.start("nginx-rear", folder, certificates, target.port("target"));
    add(one.process());
    var rear = new Usage("rear", one.process().handle());
    var single = List.of(new Usage("nginx", one.process().handle()));
    peers.add(new Peer("nginx x1", plain(one.http1(), false), single));
    var two = Nginx.start("nginx-front", folder, certificates, one.http1());
    add(two.process());
    peers.add(new Peer(
        "nginx x2",
        plain(two.http1(), false),
        List.of(new Usage("front", two.process().handle()), rear)));
    if (!options.quick) {
      peers.add(new Peer("nginx x1, HTTP/2", plain(one.http2(), true), single));
    }
  }

  /// As many processes as nginx has in its rows, each with a gateway's flags.
  private void startBare() throws Exception {
    var rear = bare("bare-rear", target.port("target"));
    var front = bare("bare-front", rear.port("callers"));
    peers.add(new Peer(
        "bare Netty x1",
        plain(rear.port("callers"), false),
        List.of(new Usage("proxy", rear.handle()))));
    peers.add(new Peer(
        "bare Netty x2",
        plain(front.port("callers"), false),
        List.of(new Usage("front", front.handle()), new Usage("rear", rear.handle()))));
  }

  private Child bare(String name, int upstream) throws Exception {
    return add(Child.part(
        name, folder, options.gatewayJvm(), "bare", certificates, Integer.toString(upstream)));
  }

  private void startTunnels() throws Exception {
    var boring = tunnel("tunnel", List.of(), List.of());
    addTunnel(boring, "tunnel", false, Long.MAX_VALUE);
    if (!options.quick || options.http2) {
      addTunnel(boring, "tunnel, HTTP/2", true, Long.MAX_VALUE);
    }
    if (!options.quick) {
      addTunnel(
          tunnel("tunnel-jdk-tls", List.of(JDK_TLS), List.of()),
          "tunnel, JDK TLS",
          false,
          Long.MAX_VALUE);
    }
    if (!options.quick || options.json) {
      addTunnel(tunnel("tunnel-json", List.of(), JSON_AGENT), "v0.17 JSON", false, JSON_BODY_BYTES);
    }
    for (var further : options.furtherAgents.entrySet()) {
      var label = "tunnel-" + peers.size();
      addTunnel(
          tunnel(label, List.of(), List.of(further.getValue())),
          further.getKey(),
          false,
          Long.MAX_VALUE);
    }
  }

  /// Both halves of it, our agent with its gateway, and its agent with our gateway.
  private void startOpenChoreo(OpenChoreo peer) throws Exception {
    Planes.create(certificates, hubPort, MIXED_PLANE);
    var gateway = peer.gateway(folder, certificates, hubPort);
    add(gateway.process());
    var usage = new Usage("gateway", gateway.process().handle());
    var upstream = "127.0.0.1:" + target.port("target");
    var kubeconfig = AgentProcess.kubeconfig("openchoreo-agent", folder, certificates, upstream);
    addOpenChoreo(
        "OpenChoreo v0.17",
        gateway.port(),
        PLANE,
        usage,
        add(peer.agent(
            "openchoreo-agent", folder, certificates, gateway.port(), PLANE, kubeconfig)));
    addOpenChoreo(
        "v0.17 gateway, our agent",
        gateway.port(),
        MIXED_PLANE, // two agents of one plane would share its calls
        usage,
        add(AgentProcess.start(
            "openchoreo-our-agent",
            folder,
            certificates,
            List.of(),
            options.agentJvm(),
            "127.0.0.1:" + gateway.port(),
            MIXED_PLANE,
            upstream,
            List.of())));
    var ours = add(Child.part(
        "openchoreo-our-gateway",
        folder,
        options.gatewayJvm(),
        "gateway",
        certificates,
        Integer.toString(hubPort)));
    addOpenChoreo(
        "our gateway, v0.17 agent",
        ours.port("callers"),
        PLANE,
        new Usage("gateway", ours.handle()),
        add(peer.agent(
            "openchoreo-agent-of-ours",
            folder,
            certificates,
            ours.port("agents"),
            PLANE,
            kubeconfig)));
  }

  private void addOpenChoreo(String name, int port, String plane, Usage gateway, Child agent)
      throws Exception {
    var endpoint = AgentProcess.endpoint(certificates, "127.0.0.1", port, plane, false);
    try (var client = new LoadClient(endpoint)) {
      AgentProcess.awaitAnswer(client, agent);
    }
    peers.add(new Peer(
        name, endpoint, List.of(gateway, new Usage("agent", agent.handle())), JSON_BODY_BYTES));
  }

  private void addTunnel(Tunnel tunnel, String name, boolean http2, long mostBytes)
      throws Exception {
    peers.add(new Peer(
        name,
        tunnelEndpoint(tunnel.gateway(), http2),
        List.of(
            new Usage("gateway", tunnel.gateway().handle()),
            new Usage("agent", tunnel.agent().handle())),
        mostBytes));
  }

  private Endpoint tunnelEndpoint(Child gateway, boolean http2) throws Exception {
    return AgentProcess.endpoint(certificates, "127.0.0.1", gateway.port("callers"), PLANE, http2);
  }

  private Tunnel tunnel(String label, List<String> jvm, List<String> moreArguments)
      throws Exception {
    var gatewayJvm = new ArrayList<>(options.gatewayJvm());
    gatewayJvm.addAll(jvm);
    var gateway = add(Child.part(
        label + "-gateway",
        folder,
        gatewayJvm,
        "gateway",
        certificates,
        Integer.toString(hubPort)));
    var agentJvm = new ArrayList<>(options.agentJvm());
    agentJvm.addAll(jvm);
    var arguments = new ArrayList<>(options.agentArguments);
    arguments.addAll(moreArguments);
    var begun = System.nanoTime();
    var agent = add(AgentProcess.start(
        label + "-agent",
        folder,
        certificates,
        List.of(),
        agentJvm,
        "127.0.0.1:" + gateway.port("agents"),
        PLANE,
        "127.0.0.1:" + target.port("target"),
        arguments));
    try (var client = new LoadClient(tunnelEndpoint(gateway, false))) {
      AgentProcess.awaitAnswer(client, agent);
    }
    var millis = (System.nanoTime() - begun) / 1_000_000;
    var tunnel = new Tunnel(label, gateway, agent, millis);
    tunnels.add(tunnel);
    return tunnel;
  }

  /// Peers that the user runs.
  private void addOthers() throws Exception {
    for (var other : options.others()) {
      peers.add(other);
    }
  }

  @Override
  public void close() throws Exception {
    while (!started.isEmpty()) {
      started.pop().close();
    }
  }
}
