package dev.buildplane.operator;

import dev.buildplane.model.PlaneRef;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.jdkhttp.JdkHttpClientFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;

/// Kubernetes clients of planes: every request goes through the gateway and the plane's tunnel.
///
/// Clients are made on first use and kept, at most [#CACHED] of them; they are closed with this object and not by their
/// users. Safe for use by several threads.
public final class PlaneClients implements AutoCloseable {
  /// Clients kept at once; the one unused for longest goes first.
  public static final int CACHED = 1_000;

  /// How long a request may take to be answered; watches and followed logs are not bound by it.
  public static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(30);

  /// How long a TCP and TLS connection to the gateway may take.
  public static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);

  private final URI gateway;
  private final SSLContext tls;
  private final Supplier<List<URI>> replicas;

  // guarded by this
  private final Map<Key, KubernetesClient> clients = new LinkedHashMap<>(16, 0.75f, true);

  private record Key(PlaneRef plane, String planeID) {}

  /// @param gateway base URL of the gateway's callers' listener
  public PlaneClients(URI gateway, Identity identity, TrustBundle gatewayTrust) {
    this(gateway, Tls.context(identity, gatewayTrust), () -> List.of(gateway));
  }

  /// Clients for which the replicas of a gateway are one: a request goes to any that takes the connection.
  ///
  /// @param gateway stands for all of them in the clients' URLs
  /// @param replicas base URLs of those there are now
  PlaneClients(URI gateway, SSLContext tls, Supplier<List<URI>> replicas) {
    this.gateway = gateway;
    this.tls = tls;
    this.replicas = replicas;
  }

  /// A client of the API server of a plane.
  ///
  /// @param planeID the planeID in effect
  public KubernetesClient planeClient(PlaneRef plane, String planeID) {
    synchronized (this) {
      var client = clients.computeIfAbsent(
          new Key(plane, planeID),
          key -> connect(masterUrl(gateway, key.plane(), key.planeID()), tls, replicas));
      if (clients.size() > CACHED) {
        var oldest = clients.entrySet().iterator();
        oldest.next().getValue().close();
        oldest.remove();
      }
      return client;
    }
  }

  /// A client of any Kubernetes API server by mutual TLS, owned by the caller.
  ///
  /// @param server base URL
  public static KubernetesClient direct(URI server, Identity identity, TrustBundle trust) {
    return connect(server, Tls.context(identity, trust), () -> List.of(server));
  }

  /// `<gateway>/api/proxy/<planeType>/<planeID>/<namespace or _cluster>/<name>/k8s/`.
  public static URI masterUrl(URI gateway, PlaneRef plane, String planeID) {
    var base = gateway.toString();
    return URI.create((base.endsWith("/") ? base : base + "/") + "api/proxy/"
        + plane.kind().type().wire() + "/" + planeID + "/" + plane.proxyNamespace() + "/"
        + plane.name() + "/k8s/");
  }

  private static KubernetesClient connect(
      URI server, SSLContext tls, Supplier<List<URI>> replicas) {
    Config config = new ConfigBuilder(Config.empty())
        .withMasterUrl(server.toString())
        .withNamespace(null)
        .withAutoConfigure(false)
        .withOnlyHttpWatches(true)
        .withRequestRetryBackoffLimit(0)
        .withRequestTimeout((int) REQUEST_TIMEOUT.toMillis())
        .withConnectionTimeout((int) CONNECT_TIMEOUT.toMillis())
        .build();
    return new KubernetesClientBuilder()
        .withConfig(config)
        .withHttpClientFactory(new MutualTls(tls, replicas))
        .build();
  }

  /// fabric8 reads keys of few shapes from its configuration; a context made from the parsed identity has no such limit.
  private static final class MutualTls extends JdkHttpClientFactory {
    private final SSLContext context;
    private final Supplier<List<URI>> replicas;

    MutualTls(SSLContext context, Supplier<List<URI>> replicas) {
      this.context = context;
      this.replicas = replicas;
    }

    @Override
    protected HttpClient.Builder createNewHttpClientBuilder() {
      return new AnyGateway.Builder(replicas);
    }

    @Override
    protected void additionalConfig(HttpClient.Builder builder) {
      builder.sslContext(context);
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      clients.values().forEach(KubernetesClient::close);
      clients.clear();
    }
  }
}
