package dev.buildplane.http;

import static dev.buildplane.http.Servers.bytes;
import static dev.buildplane.http.Servers.exchange;
import static dev.buildplane.http.Servers.text;
import static dev.buildplane.http.Servers.uri;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// What a page of another site may make a browser ask for. The headers are those that Chromium and Firefox send.
class ForeignPageIT {
  private static final String UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

  private static Route anything() {
    return Route.any("/**", Policy.PUBLIC, exchange -> exchange.respond(200, text(), bytes("in")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // no browser
        "POST   |           |                                              | 200",
        "UPGRADE|           |                                              | 200",
        // own pages, and what a user typed
        "POST   | hub:8443  | Origin: http://hub:8443                      | 200",
        "POST   | hub:8443  | Origin: http://HUB:8443                      | 200",
        "UPGRADE| hub:8443  | Origin: http://hub:8443                      | 200",
        "UPGRADE| hub       | Origin: http://hub                           | 200",
        "UPGRADE| hub:80    | Origin: http://hub                           | 200",
        "UPGRADE| [::1]:80  | Origin: http://[::1]                         | 200",
        "POST   | hub       | Sec-Fetch-Site: same-origin                  | 200",
        "POST   | hub       | Sec-Fetch-Site: none                         | 200",
        "UPGRADE| hub       | Sec-Fetch-Site: same-origin                  | 200",
        // a proxy before us that changed the host: the browser knows better
        "POST   | inside    | Origin: https://hub;Sec-Fetch-Site: same-origin | 200",
        // other pages, as far as they are kept from the answer
        "GET    | hub       | Origin: https://evil                         | 200",
        "GET    | hub       | Sec-Fetch-Site: cross-site                   | 200",
        "HEAD   | hub       | Sec-Fetch-Site: cross-site                   | 200",
        // other pages
        "POST   | hub       | Origin: https://evil                         | 403",
        "PUT    | hub       | Origin: https://evil                         | 403",
        "PATCH  | hub       | Origin: https://evil                         | 403",
        "DELETE | hub       | Origin: https://evil                         | 403",
        "UPGRADE| hub       | Origin: https://evil                         | 403",
        "UPGRADE| hub       | Origin: null                                 | 403",
        "UPGRADE| hub       | Origin: http://hub.evil                      | 403",
        "UPGRADE| hub       | Origin: http://evil/hub                      | 403",
        "UPGRADE| hub       | Origin: hub                                  | 403",
        "UPGRADE| hub       | Origin: https://hub                          | 403",
        "UPGRADE| hub:8443  | Origin: http://hub:9443                      | 403",
        "UPGRADE| hub       | Origin: http://hub;Origin: http://evil       | 403",
        "UPGRADE| hub       | Sec-Fetch-Site: cross-site                   | 403",
        "POST   | hub       | Sec-Fetch-Site: same-site                    | 403",
        "POST   | hub       | Sec-Fetch-Site: cross-site                   | 403",
        "POST   | hub       | Sec-Fetch-Site: none;Sec-Fetch-Site: cross-site | 403",
        "POST   | evil      | Origin: http://evil;Sec-Fetch-Site: cross-site  | 403",
        "POST   | hub       | Origin: https://evil;Authorization: Basic x  | 403",
        // no browser adds that unasked
        "POST   | hub       | Origin: https://evil;Authorization: Bearer x | 200",
        "UPGRADE| hub       | Sec-Fetch-Site: cross-site;Authorization: Bearer x | 200",
      })
  void onlyOwnPagesChangeSomethingOrOpenAPipe(String what, String host, String headers, int status)
      throws Exception {
    try (var server = Servers.plain(HttpLimits.DEFAULT, anything())) {
      boolean upgrade = what.equals("UPGRADE");
      var answer = exchange(
          server,
          (upgrade ? "GET" : what) + " /x HTTP/1.1\r\nHost: " + (host == null ? "hub" : host)
              + "\r\n"
              + (headers == null ? "" : headers.replace(";", "\r\n") + "\r\n")
              + (upgrade ? UPGRADE : "Connection: close\r\n")
              + "\r\n");
      assertThat(answer).startsWith("HTTP/1.1 " + status + " ");
      if (status == 403) {
        assertThat(answer).contains("own pages", "bearer token").doesNotEndWith("in");
      }
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void overTlsThePortNotNamedIsThatOfHttps(HttpClient.Version version) throws Exception {
    try (var server = Servers.tls(anything());
        var client = Servers.client(version)) {
      var own = "https://localhost:" + server.port();
      assertThat(post(client, server, own)).isEqualTo(200);
      assertThat(post(client, server, "https://localhost")).isEqualTo(403);
      assertThat(post(client, server, "https://evil")).isEqualTo(403);
    }
  }

  private static int post(HttpClient client, HttpServer server, String origin) throws Exception {
    return client
        .send(
            HttpRequest.newBuilder(uri(server, "/x"))
                .header("Origin", origin)
                .POST(BodyPublishers.ofString("{}"))
                .build(),
            BodyHandlers.discarding())
        .statusCode();
  }
}
