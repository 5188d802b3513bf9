package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.AppenderBase;
import dev.buildplane.model.ClientCA;
import dev.buildplane.testkit.RawHttp;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.slf4j.LoggerFactory;

/// Invariant `secrets-stay-secret`: secrets with a known mark go through every path, those that fail included, and the mark is
/// looked for in all that is written down: logs (ours at DEBUG), audit lines, metrics, plane events, errors told to callers.
@ExtendWith(Chain.Given.class)
class CanaryIT {
  private static final String MARK = "c4n4ry";

  private final Chain chain;
  private final Logs logs = new Logs();
  private final Logger ours = (Logger) LoggerFactory.getLogger("dev.buildplane");
  private final Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);

  CanaryIT(Chain chain) {
    this.chain = chain;
  }

  @BeforeEach
  void listen() {
    logs.start();
    root.addAppender(logs);
    ours.setLevel(Level.DEBUG);
    ours.setAdditive(true);
  }

  @AfterEach
  void stop() {
    root.detachAppender(logs);
    ours.setLevel(null);
  }

  @Test
  void secretsStaySecret() throws Exception {
    var told = new ArrayList<String>();
    var token = token();
    var headers = new String[] {
      "Authorization: Bearer " + MARK + "-token",
      "Cookie: session=" + MARK,
      "Impersonate-User: " + MARK,
      "X-Api-Key: " + MARK,
      "Connection: close"
    };
    for (var identity : new dev.buildplane.pki.Identity[] {chain.operator, null}) {
      for (var listener : List.of("agents", "callers", "api-server")) {
        for (var path : paths()) {
          try (var caller = RawHttp.tls(chain.port(listener), chain.tls(identity), "http/1.1")) {
            var body = "{\"password\":\"" + MARK + "\"";
            var lines = new ArrayList<>(List.of(headers));
            lines.add("Content-Length: " + body.length());
            caller.send(Chain.request("POST", path, lines.toArray(String[]::new)) + body);
            told.add(new String(caller.in().readAllBytes(), ISO_8859_1));
          }
        }
      }
    }
    for (var malformed : List.of(
        "GET /" + MARK + "\u0001 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization" + " : Bearer " + MARK + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + MARK + "\u0000\r\n\r\n",
        MARK + "\r\n\r\n")) {
      try (var caller = chain.callers(null)) {
        caller.send(malformed);
        told.add(new String(caller.in().readAllBytes(), ISO_8859_1));
      }
    }
    rejectAnAgent();
    chain
        .hub
        .client
        .resource(new SecretBuilder()
            .withNewMetadata()
            .withName("marked")
            .withNamespace("default")
            .endMetadata()
            .withStringData(Map.of("ca.crt", MARK + " is no certificate"))
            .build())
        .create();
    chain.hub.plane("marked", null, ClientCA.ofSecret("default", "marked", "ca.crt"));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> logs.text().contains("marked trusts no agent"));

    assertThat(told.stream().filter(answer -> !answer.contains("no such path")))
        .allSatisfy(answer -> assertThat(answer).doesNotContain(MARK));
    for (var secret : List.of(
        MARK,
        token,
        Chain.AGENT_TOKEN,
        "PRIVATE KEY",
        java.util.Base64.getEncoder().encodeToString(chain.operator.key().getEncoded()))) {
      assertThat(logs.text()).doesNotContain(secret);
      assertThat(String.join("\n", chain.hub.audit)).doesNotContain(secret);
      assertThat(metrics()).doesNotContain(secret);
      assertThat(feed()).doesNotContain(secret);
      assertThat(events()).doesNotContain(secret);
    }
    assertThat(logs.text()).contains("dev.buildplane"); // the net was out
    assertThat(chain.hub.audit).isNotEmpty();
  }

  /// Paths that succeed, fail, break off and are refused, each with a secret in its query.
  private static List<String> paths() {
    return List.of(
            Chain.PROXY + "/first",
            Chain.PROXY + "/status/500",
            Chain.PROXY + "/redirect",
            "/api/proxy/buildplane/other/_cluster/chain/k8s/x",
            "/api/proxy/buildplane/chain/_cluster/absent/k8s/x",
            "/api/proxy/buildplane/chain/_cluster/chain/nowhere/x",
            "/api/v1/planes/notify",
            "/api/v1/planes/buildplane/chain/status",
            "/ws",
            "/api/v1/namespaces/default/secrets",
            "/api/v1/namespaces/default/serviceaccounts/absent/token")
        .stream()
        .map(path -> path + "?token=" + MARK + "-query&planeType=buildplane&planeID=chain")
        .toList();
  }

  /// A token that works, used where it may nothing.
  private String token() throws Exception {
    var accounts = chain.hub.client.serviceAccounts().inNamespace("default");
    accounts
        .resource(new ServiceAccountBuilder()
            .withNewMetadata()
            .withName("bearer")
            .endMetadata()
            .build())
        .create();
    var token = accounts
        .withName("bearer")
        .tokenRequest(new TokenRequestBuilder().withNewSpec().endSpec().build())
        .getStatus()
        .getToken();
    try (var caller = chain.callers(null)) {
      assertThat(caller
              .send(Chain.get(Chain.PROXY + "/first", "Authorization: Bearer " + token))
              .read()
              .status())
          .isEqualTo(403);
    }
    return token;
  }

  private void rejectAnAgent() throws Exception {
    var stranger = chain.foreign.issueClient("stranger", List.of(), TestHub.YEAR);
    try (var agent = chain.agents(stranger)) {
      agent.send(AgentClaimsIT.handshake(
          "/ws?planeType=buildplane&planeID=chain&token=" + MARK,
          "X-Buildplane-Agent-Token: " + MARK,
          "Authorization: Bearer " + MARK));
      assertThat(agent.read().status()).isEqualTo(401);
    }
  }

  private String metrics() throws Exception {
    try (var caller = RawHttp.plain(chain.port("health"))) {
      return caller.send(Chain.get("/metrics")).read().body();
    }
  }

  /// The snapshot of the plane events.
  private String feed() throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      caller.send(Chain.get("/api/v1/planes/watch"));
      var lines = new StringBuilder();
      while (lines.indexOf("SYNCED") < 0) {
        lines.append((char) caller.in().read());
      }
      return lines.toString();
    }
  }

  private String events() {
    return chain.hub.client.v1().events().inAnyNamespace().list().getItems().toString();
  }

  /// Every line of every logger, with its stack trace.
  private static final class Logs extends AppenderBase<ILoggingEvent> {
    private final Queue<String> lines = new ConcurrentLinkedQueue<>();

    @Override
    protected void append(ILoggingEvent event) {
      var thrown = event.getThrowableProxy();
      lines.add(event.getLoggerName() + " " + event.getFormattedMessage()
          + (thrown == null ? "" : ThrowableProxyUtil.asString(thrown)));
    }

    String text() {
      return String.join("\n", lines);
    }
  }
}
