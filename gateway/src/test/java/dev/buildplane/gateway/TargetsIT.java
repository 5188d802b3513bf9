package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A caller chooses among the targets of the agent and nothing else (SSRF).
@ExtendWith(Chain.Given.class)
class TargetsIT {
  private final Chain chain;

  TargetsIT(Chain chain) {
    this.chain = chain;
  }

  @BeforeEach
  void forget() {
    chain.target.forget();
  }

  @ParameterizedTest
  @CsvSource({
    "evil, 404",
    "localhost, 404",
    "169.254.169.254, 404",
    "metadata.google.internal, 404",
    "kubernetes.default.svc, 404",
    "k8s.evil, 404",
    "K8S, 400",
    "k8s:443, 400",
    "k8s%40evil, 400",
    "k8s@evil, 400",
    "k8s%2f, 400",
    "k8s;evil, 400",
    "k8s%00, 400",
    "http:, 400",
    "[::1], 400",
    "'', 400"
  })
  void onlyConfiguredTargetsAreReached(String name, int status) throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      var path = Chain.PROXY.substring(0, Chain.PROXY.length() - 3) + name + "/latest/meta-data";
      assertThat(caller.send(Chain.get(path)).read().status()).isEqualTo(status);
    }
    assertThat(chain.target.waiting()).isEmpty();
  }

  @Test
  void aRedirectIsHandedBackAndNotFollowed() throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      var answer = caller.send(Chain.get(Chain.PROXY + "/redirect")).read();
      assertThat(answer.status()).isEqualTo(302);
      assertThat(answer.header("location")).contains("http://169.254.169.254/latest/meta-data/");
    }
    assertThat(chain.target.next().requestLine()).isEqualTo("GET /redirect HTTP/1.1");
    assertThat(chain.target.waiting()).isEmpty();
  }
}
