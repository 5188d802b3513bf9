package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.http.Headers;
import dev.buildplane.http.RequestHead;
import java.net.InetSocketAddress;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Which verb a call needs on `proxy` of its plane.
class ProxyTargetTest {
  private static final String PODS =
      "/api/proxy/buildplane/id/_cluster/plane/k8s/api/v1/namespaces/n/pods";

  private static RequestHead head(String method, String path, String query, boolean upgrade) {
    var plain = Headers.of("host", "h");
    return new RequestHead(
        method,
        path,
        query,
        "h",
        upgrade ? plain.with("connection", "Upgrade").with("upgrade", "websocket") : plain,
        InetSocketAddress.createUnresolved("caller", 1),
        List.of(),
        "id",
        "HTTP/1.1");
  }

  @ParameterizedTest
  @CsvSource({
    "GET,get",
    "HEAD,get",
    "OPTIONS,get",
    "POST,create",
    "PUT,update",
    "PATCH,patch",
    "DELETE,delete"
  })
  void aPlainCallNeedsTheVerbOfItsMethod(String method, String verb) {
    assertThat(ProxyTarget.verb(head(method, PODS, "", false))).isEqualTo(verb);
  }

  @ParameterizedTest
  @CsvSource({
    "/p/exec,command=sh",
    "/p/exec,command=sh&watch=1",
    "/p/ex%65c,watch=true",
    "/p/attach,",
    "/p/portforward,",
    "/p/log,",
    "/p/exec/,watch=1"
  })
  void aPipeNeedsCreateThoughAGetOpensIt(String path, String query) {
    assertThat(ProxyTarget.verb(head("GET", PODS + path, query == null ? "" : query, true)))
        .isEqualTo("create");
  }

  @Test
  void aWatchByWebSocketIsStillLooking() {
    assertThat(ProxyTarget.verb(head("GET", PODS, "watch=true", true))).isEqualTo("get");
  }
}
